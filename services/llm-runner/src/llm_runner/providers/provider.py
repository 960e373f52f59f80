"""Who is asked, what comes back, and how it fails: the port between the engine and HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from llm_runner.providers.prompt import Prompt
from shared.errors import AgentWarsError
from shared.routing import ProviderEntry

# What a provider says is bounded where it becomes ours: no model counts, names or asks for as much.
MOST_TOKENS = 100_000_000
LONGEST_FINISH_REASON = 64
LONGEST_TOOL_NAME = 200
LONGEST_TOOL_ID = 4000
HIGHEST_TOOL_INDEX = 10_000

PROVIDER_ERROR = "provider_error"
PROVIDER_TIMEOUT = "provider_timeout"
INVALID_MODEL = "invalid_model"
CONTEXT_TOO_LONG = "context_too_long"


class Malformed(ValueError):
    """What a provider sent is nothing that an answer can be made of; says what, never its content."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one call as the provider counted them. Raises Malformed for what cannot be a count."""

    prompt: int
    completion: int

    def __post_init__(self) -> None:
        for count in (self.prompt, self.completion):
            if type(count) is not int or not 0 <= count <= MOST_TOKENS:
                raise Malformed("a count of tokens")


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the tool call with this `index`: the first one has id and name, all hold pieces of its arguments.

    Pieces of one index are put together in order. A provider that does not count its calls gives each an id of its
    own: an id that differs from the one its index has begun with begins another call. Raises Malformed.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""

    def __post_init__(self) -> None:
        if type(self.index) is not int or not 0 <= self.index <= HIGHEST_TOOL_INDEX:
            raise Malformed("the index of a tool call")
        if not _is_text(self.id, LONGEST_TOOL_ID) or not _is_text(self.name, LONGEST_TOOL_NAME):
            raise Malformed("the id or the name of a tool call")
        if type(self.arguments) is not str:
            raise Malformed("the arguments of a tool call")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer: text, pieces of tool calls, or how it ended, or what it took. Raises Malformed.

    Whatever a provider sends becomes one of these, so none can be made of another type: what reads them need not ask.
    """

    text: str = ""
    finish_reason: str | None = None
    tokens: TokenCount | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()

    def __post_init__(self) -> None:
        if type(self.text) is not str:
            raise Malformed("the text of an answer")
        if self.finish_reason is not None and not _is_text(self.finish_reason, LONGEST_FINISH_REASON):
            raise Malformed("how an answer ended")


def _is_text(value: object, longest: int) -> bool:
    """Whether it is None or a text that is not too long."""
    return value is None or (type(value) is str and len(value) <= longest)


TakeChunk = Callable[[Chunk], None]
"""Takes the next chunk of an answer."""


class ProviderFailure(AgentWarsError):
    """A call that gave no answer.

    `code` is one of the contract's. `charged` says whether the provider may have counted tokens;
    `retry_after` is what it asked for, if it did. `of_request` says that it speaks of what was asked, not of the
    provider's health: another call may go well.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = True,
        charged: bool = True,
        retry_after: timedelta | None = None,
        of_request: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.charged = charged
        self.retry_after = retry_after
        self.of_request = of_request

    def reworded(self, message: str) -> "ProviderFailure":
        """The same failure in other words."""
        self.args = (message,)
        return self


class Provider(Protocol):
    """Who is called. A test's scripted one counts as the second implementation."""

    name: str
    entry: ProviderEntry

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        """Hands over the answer's chunks as they come; returns after a `finish_reason`, else raises ProviderFailure."""
