"""A provider that is watched while it is called: how it is, for the gateway's health answers."""

import time

from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import Chunk, Provider, ProviderFailure, TakeChunk
from shared.contracts.enums import FailureFamily
from shared.routing import ProviderEntry

DOWN_AFTER = 3
"""Calls in a row: one more than a conversation's first retry, so that a passing fault is none of everybody's."""


DEGRADED_SECONDS = 60.0
"""For how long a call that failed is one of late."""


class WatchedProvider:
    """A provider that remembers how its last calls went. `latency_ms` is to the first chunk.

    `problem` is what makes it `down` for everybody: several calls in a row that failed, whoever asked, in a way that
    speaks of the provider. A call that was refused for what it asked changes nothing, one that goes well clears it.
    `family` is that of the last failure: while it is one of late the provider is `degraded`, whatever went well since.
    """

    def __init__(self, provider: Provider, problem: str | None = None) -> None:
        self.name = provider.name
        self.entry: ProviderEntry = provider.entry
        self.problem = problem
        self.latency_ms: float | None = None
        self._provider = provider
        self.family: FailureFamily | None = None
        self._failures = 0
        self._failed_at = 0.0

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
        self.family, self._failed_at = failure.family, time.monotonic()
        if self._failures >= DOWN_AFTER:
            self.problem = str(failure)

    def health(self, in_flight: int) -> dict[str, object]:
        """`status` is `down` while `problem` says why, `degraded` for a while after a failure, else `up`."""
        of_late = self.family is not None and time.monotonic() - self._failed_at < DEGRADED_SECONDS
        status = "down" if self.problem else "degraded" if of_late else "up"
        shown: dict[str, object] = {"status": status, "latencyMs": self.latency_ms, "inFlight": in_flight}
        said = {"error": self.problem, "family": self.family}
        return shown | {name: value for name, value in said.items() if value}
