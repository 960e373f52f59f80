"""What can go wrong between a client and the gateway."""

from collections.abc import Mapping
from typing import Any


class AgentWarsError(Exception):
    """The base of everything this package raises on purpose; its text says what to do."""


class ApiError(AgentWarsError):
    """The gateway's refusal: its code, sentence and details, with the HTTP status (or 0 inside a stream).

    `retry_after` is in seconds, where the gateway gave it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        status: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.status = status
        self.retry_after = retry_after

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == 429 or self.status >= 500


class NobodyJudges(AgentWarsError):
    """A success rate is asked for of a run that nobody would judge; nothing was started."""

    def __init__(self) -> None:
        super().__init__(
            "--min-success needs somebody who judges, and this run has neither a goal nor criteria. "
            "Give --goal TEXT, a --persona of the library (each has a goal), or an agent with criteria"
        )


class NobodyConsents(AgentWarsError):
    """What was written from a report is to be kept, and nobody is there to say so."""

    def __init__(self) -> None:
        super().__init__(
            "A prompt that is written from a report's transcripts is kept only when somebody has read it, and there is "
            "no terminal to ask on. Leave --save-agent and --save-template out, or say --yes"
        )


class ServiceUnavailable(AgentWarsError):
    """No answer from the gateway."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"No answer from {url} ({reason}). Is the stack running? Start it with: make up")
        self.url = url
        self.reason = reason


class UnusableUrl(AgentWarsError):
    """The gateway's address is no http(s) URL."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no address of a gateway; give one such as http://127.0.0.1:8080 with --url")


class UnusableAnswer(AgentWarsError):
    """An answer that isn't a gateway's."""

    def __init__(self, what: str) -> None:
        super().__init__(f"This answer is no Agent Wars gateway's ({what}). Is the address right? Give it with --url")


class BrokenStream(AgentWarsError):
    """What arrived is no event stream of the gateway's."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The event stream is broken: {reason}")
