"""What is asked of a provider, what comes back, and how it fails: the port between the engine and HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from shared.errors import AgentWarsError
from shared.routing import ProviderEntry

PROVIDER_ERROR = "provider_error"
PROVIDER_TIMEOUT = "provider_timeout"
INVALID_MODEL = "invalid_model"
CONTEXT_TOO_LONG = "context_too_long"


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that decides an answer: messages of OpenAI's shape, tools, and how it is sampled. `max_tokens` bounds it.

    `folded_to` is the seq of the last message that is in it as a summary only, or not at all.
    """

    messages: tuple[dict[str, Any], ...]
    temperature: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...] = ()
    json_answer: bool = False
    tools: tuple[dict[str, object], ...] = ()
    folded_to: int | None = None

    @property
    def length(self) -> int:
        """Characters of all messages and tools, about."""
        calls = (message["tool_calls"] for message in self.messages if "tool_calls" in message)
        texts = (message["content"] or "" for message in self.messages)
        return sum(len(text) for text in texts) + sum(len(str(one)) for one in (*calls, *self.tools))


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one call as the provider counted them."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the tool call with this `index`: the first one has id and name, all hold pieces of its arguments.

    Pieces of one index are put together in order. A provider that does not count its calls gives each an id of its
    own: an id that differs from the one its index has begun with begins another call.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer: text, pieces of tool calls, or how it ended, or what it took."""

    text: str = ""
    finish_reason: str | None = None
    tokens: TokenCount | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()


TakeChunk = Callable[[Chunk], None]
"""Takes the next chunk of an answer."""


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

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        """Hands over the answer's chunks as they come; returns after a `finish_reason`, else raises ProviderFailure."""
