"""Who is asked, what comes back, and how it fails: the port between the engine and HTTP."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Protocol

from llm_runner.providers.families import CONSEQUENCES
from llm_runner.providers.prompt import Prompt
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason
from shared.errors import AgentWarsError
from shared.routing import ProviderEntry

# What a provider says is bounded where it becomes ours: no model counts, names or asks for as much.
MOST_TOKENS = 100_000_000
LONGEST_FINISH_REASON = 64
LONGEST_TOOL_NAME = 200
LONGEST_TOOL_ID = 4000
HIGHEST_TOOL_INDEX = 10_000


class Malformed(ValueError):
    """What a provider sent is nothing that an answer can be made of; says what, never its content."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one call as the provider counted them, field by field; None is what it did not say.

    `prompt` holds all that was read, `cache_read` and `cache_write` being parts of it; `completion` all that was
    written, `reasoning` being a part of it. `cost_nanos` is the provider's own figure, in nano-dollars. Raises
    Malformed for what cannot be a count.
    """

    prompt: int | None = None
    completion: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cost_nanos: int | None = None

    def __post_init__(self) -> None:
        for count in (self.prompt, self.completion, self.cache_read, self.cache_write, self.reasoning):
            if count is not None and (type(count) is not int or not 0 <= count <= MOST_TOKENS):
                raise Malformed("a count of tokens")
        if self.cost_nanos is not None and (type(self.cost_nanos) is not int or self.cost_nanos < 0):
            raise Malformed("the cost of a call")

    def updated(self, later: "TokenCount") -> "TokenCount":
        """What is known after a later count: it replaces what it says, field by field; counts are never added."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        said = {name: value for name in known if (value := getattr(later, name)) is not None}
        return TokenCount(**known | said)


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the tool call with this `index`: the first one has id and name, all hold pieces of its arguments.

    Pieces of one call are put together in order (`tool_calls.py` says which belong together); a provider that does not
    count its calls has no index. `beside` is the JSON object of
    what else stood in the call, which its provider wants to see again. Raises Malformed.
    """

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    beside: str | None = None

    def __post_init__(self) -> None:
        index = self.index
        if index is not None and (type(index) is not int or not 0 <= index <= HIGHEST_TOOL_INDEX):
            raise Malformed("the index of a tool call")
        if not _is_text(self.id, LONGEST_TOOL_ID) or not _is_text(self.name, LONGEST_TOOL_NAME):
            raise Malformed("the id or the name of a tool call")
        if type(self.arguments) is not str:
            raise Malformed("the arguments of a tool call")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer: text, pieces of tool calls, or how it ended, or what it took. Raises Malformed.

    Whatever a provider sends becomes one of these, so none can be made of another type: what reads them need not ask.
    `raw_finish_reason` is the provider's own word for how it ended. `reasoning` is what the model thinks, which is no
    text of its answer; `thoughts` are whole blocks of it, as JSON texts, that its model wants to see again as they are.
    """

    text: str = ""
    finish_reason: FinishReason | None = None
    tokens: TokenCount | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()
    reasoning: str = ""
    thoughts: tuple[str, ...] = ()
    raw_finish_reason: str | None = None

    def __post_init__(self) -> None:
        if type(self.text) is not str or type(self.reasoning) is not str:
            raise Malformed("the text of an answer")
        if self.raw_finish_reason is not None and not _is_text(self.raw_finish_reason, LONGEST_FINISH_REASON):
            raise Malformed("how an answer ended")

    @property
    def is_text(self) -> bool:
        """Whether there is nothing but text in it, as in nearly every one."""
        return (
            self.finish_reason is None
            and self.tokens is None
            and not (self.tool_calls or self.reasoning or self.thoughts)
        )


def _is_text(value: object, longest: int) -> bool:
    """Whether it is None or a text that is not too long."""
    return value is None or (type(value) is str and len(value) <= longest)


TakeChunk = Callable[[Chunk], None]
"""Takes the next chunk of an answer."""


class ProviderFailure(AgentWarsError):
    """A call that gave no answer, or none that counts; its `family` decides what follows (`families.py`).

    `charged` says whether the provider may have counted tokens; `retry_after` is how long it asks to be left alone.
    `field` is the one field of the request that an UNSUPPORTED_PARAMETER names. `repeats` bounds how often the same
    target is asked again where that is not its family's to say.
    """

    def __init__(
        self,
        family: Family,
        message: str,
        *,
        charged: bool = True,
        retry_after: timedelta | None = None,
        field: str | None = None,
        repeats: int | None = None,
    ) -> None:
        super().__init__(message)
        self.family = family
        self.charged = charged
        self.retry_after = retry_after
        self.field = field
        self.repeats = CONSEQUENCES[family].repeats if repeats is None else repeats

    @property
    def code(self) -> str:
        """The contract's."""
        return CONSEQUENCES[self.family].code

    @property
    def retryable(self) -> bool:
        """Whether the same target may be asked again."""
        return self.repeats is None or self.repeats > 0

    @property
    def of_request(self) -> bool:
        """Whether it speaks of what was asked, not of the provider's health."""
        return CONSEQUENCES[self.family].of_request

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
