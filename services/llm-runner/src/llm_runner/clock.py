"""The bounds of one call by phase, and the way to end it at once.

opened ──first token due──▶ first text ──between tokens──▶ each next text ... all of it within the total
   └───────────────interrupt(): the HTTP call is closed at its next await────────────────┘
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType

from llm_runner.providers.provider import PROVIDER_TIMEOUT, ProviderFailure
from shared.errors import AgentWarsError


class Interruption(StrEnum):
    """Why a call was closed before its end."""

    CANCELED = "canceled"  # the run's cancel is wanted
    STOPPED = "stopped"  # its reader has enough: what there is is the answer
    BEATEN = "beaten"  # another result stands already
    HANDED_OVER = "handed_over"  # this process leaves


class Interrupted(AgentWarsError):
    """The call was closed on purpose; the attempt keeps what it had got."""

    def __init__(self, why: Interruption) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Seconds until the first text, between two texts, and in all."""

    first_token: float
    between_tokens: float
    total: float


class CallClock:
    """Bounds the block it is entered for. Raises ProviderFailure for a phase that took too long, or Interrupted."""

    def __init__(self, provider: str, limits: CallLimits) -> None:
        self._provider = provider
        self._limits = limits
        self._now = asyncio.get_running_loop().time
        self._end = self._now() + limits.total
        self._phase = f"no first token within {limits.first_token:g} s"
        self._timeout = asyncio.timeout_at(min(self._end, self._now() + limits.first_token))
        self._open = False
        self._why: Interruption | None = None

    def text_came(self) -> None:
        """The next text is due within the time between two."""
        due = self._now() + self._limits.between_tokens
        self._phase = f"no text for {self._limits.between_tokens:g} s"
        if due >= self._end:
            due, self._phase = self._end, f"not finished within {self._limits.total:g} s"
        if self._why is None and not self._timeout.expired():
            self._timeout.reschedule(due)

    def interrupt(self, why: Interruption) -> None:
        """Ends the block at its next await; the first reason stands."""
        if self._why is not None:
            return
        self._why = why
        if self._open and not self._timeout.expired():
            self._timeout.reschedule(self._now())

    async def __aenter__(self) -> None:
        if self._why is not None:
            raise Interrupted(self._why)
        await self._timeout.__aenter__()
        self._open = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            if self._why is not None:
                raise Interrupted(self._why) from late
            raise ProviderFailure(PROVIDER_TIMEOUT, f"{self._provider}: {self._phase}") from late
