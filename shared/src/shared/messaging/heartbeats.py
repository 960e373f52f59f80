"""Telling the gateways' health pages every few seconds that a process lives, and how it is."""

import asyncio
import os
from collections.abc import Callable, Mapping

import orjson
from nats.errors import Error as NatsError

from shared.contracts import subjects
from shared.contracts.timestamps import iso, now
from shared.logs import Logger
from shared.messaging.connection import Connection

HEARTBEAT_SECONDS = 5.0


async def publish_heartbeats(
    connection: Connection,
    service: str,
    seconds: float,
    log: Logger,
    vitals: Callable[[], Mapping[str, object]] = dict,
) -> None:
    """Publishes `service.<name>.heartbeat` until it is cancelled; without a broker there is nobody to tell.

    `vitals` is what it says beside its service, its process and the time.
    """
    while True:
        try:
            if connection.connected:
                heartbeat = {"service": service, "pid": os.getpid(), "at": iso(now()), **vitals()}
                await connection.client.publish(subjects.heartbeat(service), orjson.dumps(heartbeat))
        except NatsError as error:
            log.warning("heartbeat not sent", error=repr(error))
        await asyncio.sleep(seconds)
