"""All that decides an answer, whatever the dialect it is asked for in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.transcript import ToolCall, ToolResult
from shared.routing.text_tokens import text_tokens


class Role(StrEnum):
    """Who speaks: whoever asks, or the model that answers."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes that travel with the prompt, as base64; `media_type` is theirs, as in `image/png`."""

    media_type: str
    base64: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where the provider itself finds what it is shown."""

    url: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture."""

    source: Inline | Address


@dataclass(frozen=True, slots=True)
class Audio:
    """A recording."""

    source: Inline


@dataclass(frozen=True, slots=True)
class File:
    """A document with its name."""

    name: str
    source: Inline


@dataclass(frozen=True, slots=True)
class Thought:
    """What a model thought, as its provider wrote it: a JSON text that this model alone wants to see again.

    `provider` and `model` say whose it is: to any other it is not shown.
    """

    provider: str
    model: str
    block: str


Part = str | Picture | Audio | File | Thought | ToolCall | ToolResult
"""A part of a turn. A text is a `str`; the model's turns hold thoughts and calls, the user's what the tools gave."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `name` is what its author is called, where that is known."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the model may ask for, as its owner declared it.

    That is `{name, description, parameters | inputSchema}`, or the same under `function` as OpenAI has it.
    """

    declared: Mapping[str, object]

    @property
    def name(self) -> str:
        return self._text("name") or ""

    @property
    def description(self) -> str | None:
        return self._text("description")

    @property
    def parameters(self) -> Mapping[str, object] | None:
        """The JSON schema of its arguments; None where it takes none."""
        schema = self._definition.get("parameters") or self._definition.get("inputSchema")
        return schema if isinstance(schema, Mapping) else None

    @property
    def _definition(self) -> Mapping[str, object]:
        function = self.declared.get("function")
        return function if isinstance(function, Mapping) else self.declared

    def _text(self, field: str) -> str | None:
        text = self._definition.get(field)
        return text if isinstance(text, str) else None


class ToolUse(StrEnum):
    """Whether the model asks for tools: as it likes, never, or for one at least."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The one tool the model has to ask for."""

    name: str


ToolChoice = ToolUse | NamedTool


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """An answer that is one JSON object; with a `schema` one that fits it, which providers want named.

    `strict` is passed on where it was said.
    """

    schema: Mapping[str, object] | None = None
    name: str = "answer"
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn. `max_tokens` bounds it, any of `stop` ends it; what is None is the provider's to say."""

    temperature: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...] = ()
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: instructions, turns in their order, tools, and how the answer is drawn and written.

    Without an `answer_format` it is plain text. `folded_to` is the seq of the last message that is in the prompt as a
    summary only, or not at all.
    """

    turns: tuple[Turn, ...]
    sampling: Sampling
    system: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolUse.AUTO
    parallel_tool_calls: bool | None = None
    answer_format: JsonFormat | None = None
    folded_to: int | None = None

    @property
    def tokens(self) -> int:
        """Of all texts, calls, results and tools, about; pictures, audio and files are not counted."""
        parts = sum(text_tokens(_text(part)) for turn in self.turns for part in turn.parts)
        return text_tokens(self.system) + parts + sum(text_tokens(str(tool.declared)) for tool in self.tools)


def _text(part: Part) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, ToolCall):
        return part.id + part.name + part.input
    return part.output if isinstance(part, ToolResult) else ""
