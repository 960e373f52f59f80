"""Chat completion requests: parsed once, at the edge."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError

from local_stack.demo_model.errors import InvalidRequest, UnknownModel
from local_stack.demo_model.roles import Role, role_of
from local_stack.demo_model.settings import MODELS


class _Part(BaseModel):
    type: str
    text: str = ""


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None
    tool_calls: list[dict[str, Any]] | None = None

    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Function(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    parameters: dict[str, Any] = {}


class _Tool(BaseModel):
    type: Literal["function"]
    function: _Function


class _ToolChoice(BaseModel):
    type: Literal["function"]
    function: _Function


class _StreamOptions(BaseModel):
    include_usage: bool = False


class _ResponseFormat(BaseModel):
    type: Literal["text", "json_object", "json_schema"]


class _Body(BaseModel):
    model: str
    messages: Annotated[list[_Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: int | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    n: Literal[1] | None = None
    response_format: _ResponseFormat | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | _ToolChoice | None = None


@dataclass(frozen=True)
class Message:
    """One message; `role` is `system`, `user`, `assistant`, `tool` for what a tool gave, `call` for a call alone."""

    role: str
    text: str


@dataclass(frozen=True)
class Tool:
    """A function that may be called; `parameters` is a JSON schema, `wanted` that the request insists on it."""

    name: str
    parameters: dict[str, Any]
    wanted: bool


@dataclass(frozen=True)
class ChatRequest:
    """A request for one answer. `prompt_sha256` is of the `messages` as compact JSON, in the order they came."""

    model: str
    base_model: str
    fault_name: str | None
    role: Role
    system_prompt: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    max_tokens: int | None
    stop: tuple[str, ...]
    seed: int | None
    wants_json: bool
    tools: tuple[Tool, ...]
    prompt_tokens: int
    prompt_sha256: str
    client_request_id: str | None

    @property
    def last(self) -> Message:
        """What is to be answered."""
        return self.messages[-1]

    @property
    def asked(self) -> str:
        """The last paragraph of it: messages that came in a row reach a model as paragraphs of one."""
        return self.last.text.rpartition("\n\n")[2]

    def user_text(self) -> str:
        """All that stands in user messages."""
        return "\n".join(message.text for message in self.messages if message.role == "user")


def parse_request(body: bytes, client_request_id: str | None) -> ChatRequest:
    """The request in a body.

    Raises `InvalidRequest` when it is no JSON or not of OpenAI's shape, `UnknownModel` when no such model exists.
    """
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    try:
        parsed = _Body.model_validate(document)
    except ValidationError as error:
        raise InvalidRequest(_first_problem(error)) from error
    base_model, plus, fault_name = parsed.model.partition("+")
    if base_model not in MODELS:
        raise UnknownModel(parsed.model)
    messages = tuple(Message(_plain_role(message), message.text()) for message in parsed.messages)
    system_prompt = next((message.text for message in messages if message.role == "system"), None)
    stop = (parsed.stop,) if isinstance(parsed.stop, str) else tuple(parsed.stop or ())
    return ChatRequest(
        model=parsed.model,
        base_model=base_model,
        fault_name=fault_name if plus else None,
        role=role_of(system_prompt),
        system_prompt=system_prompt or "",
        messages=messages,
        stream=bool(parsed.stream),
        include_usage=bool(parsed.stream_options and parsed.stream_options.include_usage),
        max_tokens=parsed.max_completion_tokens or parsed.max_tokens,
        stop=tuple(filter(None, stop)),
        seed=parsed.seed,
        wants_json=bool(parsed.response_format and parsed.response_format.type != "text"),
        tools=_tools(parsed),
        prompt_tokens=sum(len(message.text.split()) for message in messages),
        prompt_sha256=sha256(orjson.dumps(document["messages"])).hexdigest(),
        client_request_id=client_request_id,
    )


def _plain_role(message: _Message) -> str:
    if message.tool_calls and not message.text():
        return "call"
    return {"developer": "system", "function": "tool"}.get(message.role, message.role)


def _tools(parsed: _Body) -> tuple[Tool, ...]:
    choice = parsed.tool_choice
    if choice == "none":
        return ()
    wanted = choice.function.name if isinstance(choice, _ToolChoice) else None
    functions = [tool.function for tool in parsed.tools or ()]
    return tuple(Tool(one.name, one.parameters, choice == "required" or one.name == wanted) for one in functions)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, problem["loc"])) or "body"
    return f"Invalid value for '{where}': {problem['msg']}."
