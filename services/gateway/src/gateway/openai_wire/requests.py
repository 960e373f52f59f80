"""What OpenAI's clients post to /v1/chat/completions.

Fields that change no answer (`user`, `metadata`, `store`, `service_tier`, `prediction`, ...) are taken and not read.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.openai_wire import offered_values
from gateway.openai_wire.response_formats import WireResponseFormat
from gateway.openai_wire.tool_choices import WireToolChoice, allowed
from gateway.openai_wire.wire import ToolName, Wire
from gateway.schemas.conditions import sent, sent_as
from gateway.schemas.fields import NAME_LENGTH, STOP_SEQUENCES, MaxTokens, Name, Temperature
from gateway.schemas.storable import FreeObject, checked
from shared.contracts.bounds import LARGEST_INTEGER
from shared.contracts.settings import AnswerFormat

MESSAGES: Final = 500
PARTS: Final = 500
TOOL_CALLS: Final = 128
TOOLS: Final = 128
CALL_ID_LENGTH: Final = 4_000
"""Some providers keep in a call's id what they want to see again."""
SYSTEM: Final = ("system", "developer")

BoundedText = Annotated[str, Field(max_length=1024 * 1024)]
"""As long as a body may be. A text of any length at all would not be looked into: halves of characters would pass."""
StopText = Annotated[str, Field(max_length=NAME_LENGTH)]
CallId = Annotated[str, Field(min_length=1, max_length=CALL_ID_LENGTH)]
AnySeed = Annotated[int, Field(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)]
NoLimit = Literal[-1]
"""What llama.cpp's clients send for no limit of their own."""
Share = Annotated[float, Field(ge=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]


class WireFunction(Wire):
    name: Name
    arguments: BoundedText | None = None


class WireToolCall(Wire):
    id: CallId
    function: WireFunction


class WirePart(Wire):
    """A part of a message: a text, or an assistant's refusal."""

    model_config = ConfigDict(
        json_schema_extra={"if": sent_as("type", "text"), "then": sent("text"), "else": sent("refusal")}
    )

    type: Annotated[Name, Field(json_schema_extra={"enum": ["text", "refusal"]})]
    text: BoundedText | None = None
    refusal: BoundedText | None = None

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        if self.type not in ("text", "refusal"):
            sentence = f"is of type {self.type[:40]!r}: only text is passed on to a model here yet"
            raise PydanticCustomError("not_offered", "{sentence}", {"sentence": sentence, "bound": ["text"]})
        if self.said is None:
            raise PydanticCustomError("not_offered", "must hold its {kind} as a text", {"kind": self.type})
        return self

    @property
    def said(self) -> str | None:
        return self.text if self.type == "text" else self.refusal


class WireMessage(Wire):
    """One message; `content` is a text, or parts that are texts, `name` what its author is called."""

    model_config = ConfigDict(json_schema_extra={"if": sent_as("role", "tool"), "then": sent("tool_call_id")})

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: BoundedText | Annotated[list[WirePart], Field(max_length=PARTS)] | None = None
    name: Annotated[str, Field(max_length=NAME_LENGTH)] | None = None
    refusal: BoundedText | None = None
    tool_calls: Annotated[list[WireToolCall], Field(max_length=TOOL_CALLS)] | None = None
    tool_call_id: CallId | None = None
    function_call: Annotated[Any, offered_values.NO_FUNCTION_CALL] = None
    audio: Annotated[Any, offered_values.NO_SOUND] = None

    @property
    def text(self) -> str:
        """The text of the message; its parts are parts of their own, so each begins a line."""
        if isinstance(self.content, list):
            return "\n".join(part.said for part in self.content if part.said)
        return self.content or self.refusal or ""


class WireToolFunction(Wire):
    model_config = ConfigDict(extra="allow")

    name: ToolName
    description: BoundedText | None = None
    parameters: FreeObject | None = None
    strict: bool | None = None


class WireTool(Wire):
    """A tool the model may ask for; it is passed on as it came."""

    model_config = ConfigDict(extra="allow")

    type: Literal["function"] = "function"
    function: WireToolFunction

    @property
    def definition(self) -> dict[str, Any]:
        """What is passed on; a null stands for a field that is not there, which providers refuse."""
        said = {"type": self.type} | self.model_dump(exclude_unset=True)
        said["function"] = {name: value for name, value in said["function"].items() if value is not None}
        return said


Tool = Annotated[WireTool, BeforeValidator(checked)]


class StreamOptions(Wire):
    include_usage: bool | None = None


class CompletionBody(Wire):
    """POST /v1/chat/completions. `model` is `provider/model`, a model, or a tier."""

    model: Name
    messages: Annotated[list[WireMessage], Field(min_length=1, max_length=MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    max_tokens: MaxTokens | NoLimit | None = None
    max_completion_tokens: MaxTokens | NoLimit | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=STOP_SEQUENCES)] | None = None
    seed: AnySeed | None = None
    tools: Annotated[list[Tool], Field(max_length=TOOLS)] | None = None
    parallel_tool_calls: bool | None = None
    tool_choice: WireToolChoice | None = None
    response_format: WireResponseFormat | None = None
    n: Annotated[Any, offered_values.ONE_ANSWER] = None
    logprobs: Annotated[Any, offered_values.NO_LOGPROBS] = None
    top_logprobs: Annotated[Any, offered_values.NO_TOP_LOGPROBS] = None
    logit_bias: Annotated[Any, offered_values.NO_BIAS] = None
    functions: Annotated[Any, offered_values.NO_FUNCTIONS] = None
    function_call: Annotated[Any, offered_values.NO_FUNCTION_CALL] = None
    modalities: Annotated[Any, offered_values.TEXT_MODALITY] = None
    audio: Annotated[Any, offered_values.NO_SOUND] = None
    reasoning_effort: Annotated[Any, offered_values.NO_EFFORT] = None
    verbosity: Annotated[Any, offered_values.MEDIUM] = None
    web_search_options: Annotated[Any, offered_values.NO_SEARCH] = None

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def most_tokens(self) -> tuple[int | None, str]:
        """The most tokens of the answer, None where the request sets no bound, and the field that says so."""
        newer = self.max_completion_tokens is not None
        asked = self.max_completion_tokens if newer else self.max_tokens
        return None if asked == -1 else asked, "max_completion_tokens" if newer else "max_tokens"

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end the answer; an empty one ends nothing."""
        asked = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in asked if text)

    @property
    def offered_tools(self) -> tuple[dict[str, Any], ...]:
        """The tools the model may ask for, each as it came."""
        names = allowed(self.tool_choice, {tool.function.name for tool in self.tools or ()})
        return tuple(tool.definition for tool in self.tools or () if tool.function.name in names)

    @property
    def answer_format(self) -> AnswerFormat | None:
        return self.response_format.wanted if self.response_format else None
