"""Requests for one answer, as they are understood whatever the dialect they came in."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from local_stack.demo_model.errors import InvalidRequest, UnknownModel
from local_stack.demo_model.roles import Role, role_of
from local_stack.demo_model.settings import MODELS

Body = TypeVar("Body", bound=BaseModel)


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
class Wanted:
    """How the answer is to be: streamed or whole, its bounds in tokens, and what else a request may say of it."""

    stream: bool
    include_usage: bool = True
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    json: bool = False


@dataclass(frozen=True)
class ChatRequest:
    """A request for one answer. `prompt_sha256` is of the `messages` as compact JSON, in the order they came."""

    dialect: str
    model: str
    base_model: str
    fault_name: str | None
    role: Role
    system_prompt: str
    messages: tuple[Message, ...]
    wanted: Wanted
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


def json_object(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises `InvalidRequest` for what is none."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidRequest("Invalid value for 'body': it should be a JSON object.")
    return document


def validated(kind: type[Body], document: dict[str, Any]) -> Body:
    """A body as its dialect defines it. Raises `InvalidRequest`, which names the place."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, problem["loc"])) or "body"
        raise InvalidRequest(f"Invalid value for '{where}': {problem['msg']}.") from error


def chat_request(
    dialect: str,
    document: dict[str, Any],
    messages: Sequence[Message],
    wanted: Wanted,
    tools: tuple[Tool, ...],
    client_request_id: str | None,
) -> ChatRequest:
    """The request that a validated document holds. Raises `UnknownModel` when no such model exists."""
    model: str = document["model"]
    base_model, plus, fault_name = model.partition("+")
    if base_model not in MODELS:
        raise UnknownModel(model)
    system_prompt = next((message.text for message in messages if message.role == "system"), None)
    return ChatRequest(
        dialect=dialect,
        model=model,
        base_model=base_model,
        fault_name=fault_name if plus else None,
        role=role_of(system_prompt),
        system_prompt=system_prompt or "",
        messages=tuple(messages),
        wanted=wanted,
        tools=tools,
        prompt_tokens=sum(len(message.text.split()) for message in messages),
        prompt_sha256=sha256(orjson.dumps(document["messages"])).hexdigest(),
        client_request_id=client_request_id,
    )
