"""What the process says of itself every few seconds, for the gateway's health answers."""

import asyncio
import os
import time

import orjson
from nats.errors import Error as NatsError

from llm_runner.held import HeldJobs
from llm_runner.providers.provider import Chunk, Prompt, Provider, ProviderFailure, TakeChunk
from shared.contracts.record import iso, now
from shared.logs import Logger
from shared.messaging import subjects
from shared.messaging.connection import Connection
from shared.routing import ProviderEntry

SERVICE = "llm-runner"
EVERY_SECONDS = 5.0
DOWN_AFTER = 3
"""Calls in a row: one more than a conversation's first retry, so that a passing fault is none of everybody's."""


class WatchedProvider:
    """A provider that remembers how its last calls went. `latency_ms` is to the first chunk.

    `problem` is what makes it `down` for everybody: several calls in a row that failed, whoever asked, in a way that
    speaks of the provider. A call that was refused for what it asked changes nothing, one that goes well clears it.
    """

    def __init__(self, provider: Provider, problem: str | None = None) -> None:
        self.name = provider.name
        self.entry: ProviderEntry = provider.entry
        self.problem = problem
        self.latency_ms: float | None = None
        self._provider = provider
        self._failures = 0

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        """The provider's own stream."""
        began = time.monotonic()

        def watched(chunk: Chunk) -> None:
            nonlocal began
            if began:
                self.latency_ms, began = round((time.monotonic() - began) * 1000, 1), 0.0
            take(chunk)

        try:
            await self._provider.stream(model, prompt, attempt, watched)
        except ProviderFailure as failure:
            self._failed(failure)
            raise
        self.problem, self._failures = None, 0

    def _failed(self, failure: ProviderFailure) -> None:
        if failure.of_request:
            return
        self._failures += 1
        if self._failures >= DOWN_AFTER:
            self.problem = str(failure)

    def vitals(self, in_flight: int) -> dict[str, object]:
        """`status` is `down` while `problem` says why."""
        status = "down" if self.problem else "up"
        shown: dict[str, object] = {"status": status, "latencyMs": self.latency_ms, "inFlight": in_flight}
        return shown | ({"error": self.problem} if self.problem else {})


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
        providers = {name: watched.vitals(self._jobs.in_flight(name)) for name, watched in self._providers.items()}
        return {"service": SERVICE, "pid": os.getpid(), "at": iso(now()), "providers": providers}
