"""What is asked of a provider, what comes back, and how it fails: the port between the engine and HTTP."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from shared.errors import AgentWarsError
from shared.routing import ProviderEntry

PROVIDER_ERROR = "provider_error"
PROVIDER_TIMEOUT = "provider_timeout"
INVALID_MODEL = "invalid_model"
CONTEXT_TOO_LONG = "context_too_long"


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that decides an answer: messages (role and content), and how they are sampled. `max_tokens` bounds it."""

    messages: tuple[dict[str, str], ...]
    temperature: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...] = ()
    json_answer: bool = False

    @property
    def length(self) -> int:
        """Characters of all messages."""
        return sum(len(message["content"]) for message in self.messages)


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one call as the provider counted them."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer: text, or how it ended, or what it took."""

    text: str = ""
    finish_reason: str | None = None
    tokens: TokenCount | None = None


class ProviderFailure(AgentWarsError):
    """A call that gave no answer.

    `code` is one of the contract's. `charged` says whether the provider may have counted tokens;
    `retry_after` is what it asked for, if it did.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = True,
        charged: bool = True,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.charged = charged
        self.retry_after = retry_after


class Provider(Protocol):
    """Who is called. A test's scripted one counts as the second implementation."""

    name: str
    entry: ProviderEntry

    def stream(self, model: str, prompt: Prompt, attempt: str) -> AsyncGenerator[Chunk, None]:
        """The answer's chunks as they come; ends after a `finish_reason`, else raises ProviderFailure."""
        ...
