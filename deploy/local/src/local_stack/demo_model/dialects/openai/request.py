"""Requests for a chat completion (platform.openai.com, chat completions): parsed once, at the edge."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from local_stack.demo_model.requests import ChatRequest, Message, Tool, Wanted, chat_request, json_object, validated


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
    tool_choice: Literal["none", "auto", "required"] | _Tool | None = None


def parse_request(body: bytes, client_request_id: str | None, dialect: str = "openai") -> ChatRequest:
    """The request in a body.

    Raises `InvalidRequest` when it is no JSON or not of OpenAI's shape, `UnknownModel` when no such model exists.
    """
    document = json_object(body)
    parsed = validated(_Body, document)
    messages = [Message(_plain_role(message), message.text()) for message in parsed.messages]
    return chat_request(dialect, document, messages, _wanted(parsed), _tools(parsed), client_request_id)


def _wanted(parsed: _Body) -> Wanted:
    stop = (parsed.stop,) if isinstance(parsed.stop, str) else tuple(parsed.stop or ())
    return Wanted(
        stream=bool(parsed.stream),
        include_usage=bool(parsed.stream_options and parsed.stream_options.include_usage),
        max_tokens=parsed.max_completion_tokens or parsed.max_tokens,
        stop=tuple(filter(None, stop)),
        seed=parsed.seed,
        json=bool(parsed.response_format and parsed.response_format.type != "text"),
    )


def _plain_role(message: _Message) -> str:
    if message.tool_calls and not message.text():
        return "call"
    return {"developer": "system", "function": "tool"}.get(message.role, message.role)


def _tools(parsed: _Body) -> tuple[Tool, ...]:
    choice = parsed.tool_choice
    if choice == "none":
        return ()
    wanted = choice.function.name if isinstance(choice, _Tool) else None
    functions = [tool.function for tool in parsed.tools or ()]
    return tuple(Tool(one.name, one.parameters, choice == "required" or one.name == wanted) for one in functions)
