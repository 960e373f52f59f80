"""The bounds of one call by phase, and the way to end it at once.

opened ──first token due──▶ first text ──between tokens──▶ each next text ... all of it within the total
   └───────────────interrupt(): the HTTP call is closed at its next await────────────────┘
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType

from llm_runner.providers.provider import ProviderFailure
from shared.contracts.enums import FailureFamily as Family
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


class CallDeadline:
    """Bounds the block it is entered for. Raises ProviderFailure for a phase that took too long, or Interrupted.

    A text moves what is due and no timer: the alarm that was set looks, when it rings, whether it is late already.
    """

    def __init__(self, provider: str, limits: CallLimits) -> None:
        self._provider = provider
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + limits.total
        self._due = min(self._end, self._loop.time() + limits.first_token)
        self._token_came = False
        self._timeout = asyncio.timeout(None)
        self._alarm: asyncio.TimerHandle | None = None
        self._why: Interruption | None = None

    def token_came(self) -> None:
        """The next token, of a text, a thought or a tool call, is due within the time between two."""
        self._token_came = True
        self.alive()

    def alive(self) -> None:
        """Something came, if only a comment: it is waited for the next token anew, but for the first no longer."""
        if not self._token_came:
            return
        self._due = min(self._end, self._loop.time() + self._limits.between_tokens)
        if self._alarm is not None and self._due < self._alarm.when():
            self._set_alarm()

    def interrupt(self, why: Interruption) -> None:
        """Ends the block at its next await; the first reason stands."""
        if self._why is not None:
            return
        self._why = why
        if self._alarm is not None:
            self._expire()

    async def __aenter__(self) -> None:
        if self._why is not None:
            raise Interrupted(self._why)
        await self._timeout.__aenter__()
        self._set_alarm()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            if self._why is not None:
                raise Interrupted(self._why) from late
            raise ProviderFailure(Family.TIMEOUT, f"{self._provider}: {self._phase}") from late

    @property
    def _phase(self) -> str:
        if self._due >= self._end:
            return f"not finished within {self._limits.total:g} s"
        if self._token_came:
            return f"no token for {self._limits.between_tokens:g} s"
        return f"no first token within {self._limits.first_token:g} s"

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        if self._loop.time() < self._due:
            self._set_alarm()
        else:
            self._expire()

    def _expire(self) -> None:
        if not self._timeout.expired():
            self._timeout.reschedule(self._loop.time())
