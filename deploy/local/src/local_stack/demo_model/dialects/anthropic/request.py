"""Requests for a message (docs.anthropic.com, API version 2023-06-01). What Anthropic refuses is refused here."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from local_stack.demo_model.errors import InvalidRequest
from local_stack.demo_model.requests import ChatRequest, Message, Tool, Wanted, chat_request, json_object, validated

JSON_IN_WORDS = "one JSON object"
"""There is no field that asks for JSON: the instructions do."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Text(_Strict):
    type: Literal["text"]
    text: str


class _ToolUse(_Strict):
    type: Literal["tool_use"]
    id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$")]
    name: str
    input: dict[str, Any]


class _ToolResult(_Strict):
    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[_Text] = ""
    is_error: bool = False

    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(block.text for block in self.content)


class _Shown(_Strict):
    type: Literal["image", "document"]
    source: dict[str, Any]
    title: str | None = None


class _Thought(BaseModel):
    type: Literal["thinking", "redacted_thinking"]


_Block = Annotated[_Text | _ToolUse | _ToolResult | _Shown | _Thought, Field(discriminator="type")]


class _Message(_Strict):
    role: Literal["user", "assistant"]
    content: str | list[_Block]

    def blocks(self) -> Sequence[_Block]:
        return [_Text(type="text", text=self.content)] if isinstance(self.content, str) else self.content

    def text(self) -> str:
        return "\n\n".join(block.text for block in self.blocks() if isinstance(block, _Text))


class _Tool(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    description: str = ""
    input_schema: dict[str, Any]


class _ToolChoice(_Strict):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class _Body(_Strict):
    model: str
    messages: Annotated[list[_Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1)]
    system: str | list[_Text] = ""
    stream: bool = False
    temperature: Annotated[float | None, Field(ge=0, le=1)] = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[Annotated[str, Field(pattern=r"\S")]] = []
    tools: list[_Tool] = []
    tool_choice: _ToolChoice | None = None
    metadata: dict[str, Any] | None = None


def parse_request(body: bytes, client_request_id: str | None, dialect: str) -> ChatRequest:
    """The request in a body.

    Raises `InvalidRequest` when it is no JSON or not as Anthropic takes it, `UnknownModel` when no such model exists.
    """
    document = json_object(body)
    parsed = validated(_Body, document)
    _check(parsed.messages)
    system = parsed.system if isinstance(parsed.system, str) else "\n\n".join(block.text for block in parsed.system)
    instructions = [Message("system", system)] if system else []
    said = [message for one in parsed.messages for message in _messages(one)]
    wanted = Wanted(
        stream=parsed.stream,
        max_tokens=parsed.max_tokens,
        stop=tuple(parsed.stop_sequences),
        json=JSON_IN_WORDS in system,
    )
    return chat_request(dialect, document, [*instructions, *said], wanted, _tools(parsed), client_request_id)


def _check(messages: Sequence[_Message]) -> None:
    """Raises `InvalidRequest` for a conversation of the right shape that is refused all the same."""
    if messages[0].role != "user" or messages[-1].role != "user":
        raise InvalidRequest("messages: the conversation must begin and end with a user message")
    called: set[str] = set()
    for index, message in enumerate(messages):
        blocks = message.blocks()
        if not blocks or any(isinstance(block, _Text) and not block.text.strip() for block in blocks):
            raise InvalidRequest(f"messages.{index}: text content blocks must contain non-whitespace text")
        given = {block.tool_use_id for block in blocks if isinstance(block, _ToolResult)}
        if given != called:
            raise InvalidRequest(f"messages.{index}: each `tool_use` block must have one `tool_result` block after it")
        called = {block.id for block in blocks if isinstance(block, _ToolUse)}


def _messages(message: _Message) -> Iterator[Message]:
    """What tools gave, each as one of its own, and then what was said."""
    for block in message.blocks():
        if isinstance(block, _ToolResult):
            yield Message("tool", block.text())
    text = message.text()
    calls = any(isinstance(block, _ToolUse) for block in message.blocks())
    if text or not all(isinstance(block, _ToolResult) for block in message.blocks()):
        yield Message("call" if calls and not text else message.role, text)


def _tools(parsed: _Body) -> tuple[Tool, ...]:
    choice = parsed.tool_choice
    if choice and choice.type == "none":
        return ()
    named = choice.name if choice else None
    every = bool(choice and choice.type == "any")
    return tuple(Tool(tool.name, tool.input_schema, every or tool.name == named) for tool in parsed.tools)
