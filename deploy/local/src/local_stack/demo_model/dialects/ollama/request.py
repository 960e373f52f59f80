"""Requests for a chat (Ollama's docs/api.md): streamed unless told otherwise; what is unknown is not looked at."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from local_stack.demo_model.requests import ChatRequest, Message, Tool, Wanted, chat_request, json_object, validated


class _Called(BaseModel):
    name: str
    arguments: dict[str, Any]


class _Call(BaseModel):
    function: _Called


class _Message(BaseModel):
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    images: list[str] = []
    tool_calls: list[_Call] = []
    tool_name: str | None = None

    def said(self) -> Message:
        return Message("call" if self.tool_calls and not self.content else self.role, self.content)


class _Function(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    parameters: dict[str, Any] = {}


class _Tool(BaseModel):
    type: Literal["function"]
    function: _Function


class _Options(BaseModel):
    num_ctx: Annotated[int | None, Field(ge=1)] = None
    num_predict: int | None = None
    seed: int | None = None
    temperature: float | None = None
    stop: list[str] = []


class _Body(BaseModel):
    model: str
    messages: Annotated[list[_Message], Field(min_length=1)]
    stream: bool = True
    format: dict[str, Any] | Literal["", "json"] | None = None
    options: _Options = _Options()
    tools: list[_Tool] = []


def parse_request(body: bytes, client_request_id: str | None, dialect: str) -> ChatRequest:
    """The request in a body.

    Raises `InvalidRequest` when it is no JSON or not of Ollama's shape, `UnknownModel` when no such model exists.
    """
    document = json_object(body)
    parsed = validated(_Body, document)
    options = parsed.options
    wanted = Wanted(
        stream=parsed.stream,
        max_tokens=options.num_predict if options.num_predict and options.num_predict > 0 else None,
        stop=tuple(filter(None, options.stop)),
        seed=options.seed,
        json=bool(parsed.format),
    )
    tools = tuple(Tool(tool.function.name, tool.function.parameters, wanted=False) for tool in parsed.tools)
    said = [message.said() for message in parsed.messages]
    return chat_request(dialect, document, said, wanted, tools, client_request_id)
