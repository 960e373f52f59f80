"""What the process says of itself every few seconds, for the gateway's health answers."""

import asyncio
import os

import orjson
from nats.errors import Error as NatsError

from llm_runner.held import HeldJobs
from llm_runner.providers.watched import WatchedProvider
from shared.contracts.record import iso, now
from shared.logs import Logger
from shared.messaging import subjects
from shared.messaging.connection import Connection

SERVICE = "llm-runner"
EVERY_SECONDS = 5.0


class Vitals:
    """Publishes `service.llm-runner.heartbeat`."""

    def __init__(
        self, connection: Connection, providers: dict[str, WatchedProvider], jobs: HeldJobs, log: Logger
    ) -> None:
        self._connection = connection
        self._providers = providers
        self._jobs = jobs
        self._log = log

    async def run(self) -> None:
        """Publishes until it is cancelled."""
        while True:
            try:
                if self._connection.connected:
                    await self._connection.client.publish(subjects.heartbeat(SERVICE), orjson.dumps(self.now()))
            except NatsError as error:
                self._log.warning("heartbeat not sent", error=repr(error))
            await asyncio.sleep(EVERY_SECONDS)

    def now(self) -> dict[str, object]:
        providers = {name: watched.health(self._jobs.in_flight(name)) for name, watched in self._providers.items()}
        return {"service": SERVICE, "pid": os.getpid(), "at": iso(now()), "providers": providers}
