"""What OpenAI's clients post, and the run it becomes.

The client's history is the run's `given`: system messages are the system prompt, tools' results are the person's.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.chat.bounds import storable
from gateway.errors import FieldProblem, InvalidRequest
from gateway.plain.runs import UNREAD_AT_ONCE, answer_settings, check_window
from gateway.plain.voices import max_tokens_of
from gateway.schemas.agents import Tool
from gateway.schemas.fields import NAME_LENGTH, STOP_SEQUENCES, MaxTokens, Name, Seed, Temperature
from gateway.settings import GatewaySettings
from shared.contracts.settings import GivenMessage, Participant, RunSettings
from shared.contracts.transcript import ToolCall, ToolResult
from shared.contracts.words import Side, Tier
from shared.routing import Registry, Route

TIME_LIMIT_SECONDS: Final = 300.0
MESSAGES: Final = 500
TOOLS: Final = 128
SYSTEM: Final = ("system", "developer")


StopText = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class Wire(BaseModel):
    """A part of a request, in snake_case; unknown fields are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())


class WireFunction(Wire):
    name: Name
    arguments: str = "{}"


class WireToolCall(Wire):
    id: Name
    function: WireFunction


class WireMessage(Wire):
    """One message; `content` is a text, or parts of which those that are no text are passed on."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[WireToolCall] | None = None
    tool_call_id: Name | None = None

    @property
    def text(self) -> str:
        """The text of the message, of all its parts."""
        if not isinstance(self.content, list):
            return self.content or ""
        return "".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")

    @property
    def parts(self) -> tuple[dict[str, Any], ...]:
        """What is no text: images and the like."""
        found = self.content if isinstance(self.content, list) else []
        return tuple(part for part in found if part.get("type") != "text")


class StreamOptions(Wire):
    include_usage: bool = False


class ResponseFormat(Wire):
    type: str


class CompletionBody(Wire):
    """POST /v1/chat/completions. `model` is `provider/model`, a model, or a tier."""

    model: Name
    messages: Annotated[list[WireMessage], Field(min_length=1, max_length=MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    max_completion_tokens: MaxTokens | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=STOP_SEQUENCES)] | None = None
    seed: Seed | None = None
    tools: Annotated[list[Tool], Field(max_length=TOOLS)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    n: int | None = None

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


def completion_settings(body: CompletionBody, registry: Registry, settings: GatewaySettings) -> RunSettings:
    """How the request is answered. Raises InvalidRequest, ContextTooLong and UnknownModel."""
    _check(body)
    asked = answer_settings(
        _voice(body, registry, settings),
        list(_given(body.messages)),
        time_limit_seconds=TIME_LIMIT_SECONDS,
        orphan_seconds=UNREAD_AT_ONCE,
        seed=body.seed,
    )
    check_window(asked, registry)
    return asked


def route_of(registry: Registry, model: str) -> Route:
    """The route a model's name means: a model, `provider/model`, or the first of a tier. Raises UnknownModel."""
    for provider, held in registry.providers.items():
        if model in held.models:
            return Route(provider=provider, model=model)
    provider, slash, name = model.partition("/")
    if slash and provider in registry.providers:
        return registry.route(provider, name)
    if model in set(Tier):
        return registry.route(None, None, Tier(model))
    return registry.route(None, model)


def _check(body: CompletionBody) -> None:
    """What would be answered otherwise than it was asked for is refused."""
    problems = []
    if body.n not in (None, 1):
        problems.append(FieldProblem("n", "must be 1: ask several times", 1))
    if body.response_format is not None and body.response_format.type != "text":
        problems.append(FieldProblem("response_format", "must be text: ask for JSON in words", "text"))
    if body.tool_choice not in (None, "auto", "none"):
        problems.append(FieldProblem("tool_choice", "must be auto or none", ["auto", "none"]))
    if body.messages[-1].role not in ("user", "tool"):
        problems.append(FieldProblem("messages", "must end with a user's or a tool's message, which is answered"))
    held: dict[str, object] = {f"messages.{place}.content": one.model_dump() for place, one in enumerate(body.messages)}
    problems += [
        FieldProblem(field, "holds a character, a name or a number that cannot be stored")
        for field, value in (held | {"tools": body.tools}).items()
        if not storable(value)
    ]
    if problems:
        raise InvalidRequest(*problems)


def _voice(body: CompletionBody, registry: Registry, settings: GatewaySettings) -> Participant:
    route = route_of(registry, body.model)
    field = "max_tokens" if body.max_completion_tokens is None else "max_completion_tokens"
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return Participant(
        name="Assistant",
        system_prompt="\n\n".join(message.text for message in body.messages if message.role in SYSTEM),
        provider=route.provider,
        model=route.model,
        temperature=settings.temperature if body.temperature is None else body.temperature,
        max_tokens=max_tokens_of(
            registry, route, body.max_completion_tokens or body.max_tokens, settings.chat_max_tokens, field
        ),
        stop=tuple(stop),
        tools=tuple(body.tools or ()) if body.tool_choice != "none" else (),
    )


def _given(messages: list[WireMessage]) -> Iterator[GivenMessage]:
    """The transcript before the answer; results of tools that were asked for together are one message."""
    results: list[ToolResult] = []
    for place, message in enumerate(messages):
        if message.role == "tool":
            results.append(_result(message, place))
            continue
        if results:
            yield GivenMessage(side=Side.OPPONENT, content="", tool_results=tuple(results))
            results = []
        if message.role not in SYSTEM:
            yield _said(message)
    if results:
        yield GivenMessage(side=Side.OPPONENT, content="", tool_results=tuple(results))


def _said(message: WireMessage) -> GivenMessage:
    calls = tuple(
        ToolCall(id=call.id, name=call.function.name, input=call.function.arguments)
        for call in message.tool_calls or ()
    )
    side = Side.AGENT if message.role == "assistant" else Side.OPPONENT
    return GivenMessage(side=side, content=message.text, parts=message.parts, tool_calls=calls)


def _result(message: WireMessage, place: int) -> ToolResult:
    if message.tool_call_id is None:
        raise InvalidRequest(FieldProblem(f"messages.{place}.tool_call_id", "is required"))
    return ToolResult(tool_call_id=message.tool_call_id, output=message.text)
