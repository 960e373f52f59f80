"""Telling the gateway's health page every few seconds that a process lives."""

import asyncio
import os

import orjson
from nats.errors import Error as NatsError

from shared.contracts.record import iso, now
from shared.logs import Logger
from shared.messaging import subjects
from shared.messaging.connection import Connection


async def say_alive(connection: Connection, service: str, seconds: float, log: Logger) -> None:
    """Publishes `service.<name>.heartbeat` until it is cancelled; without a broker there is nobody to tell."""
    while True:
        try:
            if connection.connected:
                heartbeat = {"service": service, "pid": os.getpid(), "at": iso(now())}
                await connection.client.publish(subjects.heartbeat(service), orjson.dumps(heartbeat))
        except NatsError as error:
            log.warning("heartbeat not sent", error=repr(error))
        await asyncio.sleep(seconds)
