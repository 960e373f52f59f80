"""The messages a client posts, in the shapes of AI SDK 4 to 7 and of plain clients. Pure.

{role, content: "..."}                                   plain
{id?, role, content, toolInvocations?, parts?}           AI SDK 4
{id, role, parts: [{type: "text" | "file" | "data-*" | "tool-<name>" | "dynamic-tool", ...}]}    5, 6, 7
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway.chat.utterances import Raw, Utterance, utterances
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.chat import MESSAGE_ID_LENGTH, ChatBody, message_id
from shared.contracts.enums import Side
from shared.contracts.settings import GivenMessage
from shared.contracts.transcript import ToolResult

ROLES: Final = ("user", "assistant", "system")


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message as it was posted; `where` is its path in the request. An assistant's may be several utterances."""

    role: Literal["user", "assistant", "system"]
    id: str | None
    utterances: tuple[Utterance, ...]
    where: str

    @property
    def text(self) -> str:
        return "\n\n".join(one.text for one in self.utterances if one.text)

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """What tools gave, as far as the message tells."""
        return tuple(result for one in self.utterances for result in one.results)


def read_messages(messages: Sequence[Raw], where: str = "messages") -> list[SentMessage]:
    """Every message. Raises InvalidRequest for what is no message."""
    return [_read(raw, f"{where}.{position}") for position, raw in enumerate(messages)]


def read_message(message: str | Raw, where: str = "message") -> SentMessage:
    """The one message of `{message}`: a text, or an object whose role may be left out. Raises InvalidRequest."""
    raw = {"content": message} if isinstance(message, str) else message
    return _read({"role": "user"} | raw, where)


def read_body(body: ChatBody) -> list[SentMessage]:
    """The messages of a request, whichever way they came. Raises InvalidRequest."""
    if body.id and body.conversation_id and body.id != body.conversation_id:
        raise InvalidRequest(FieldProblem("conversationId", "is another name of id: send one of them"))
    if body.message is not None and body.messages is not None:
        raise InvalidRequest(FieldProblem("message", "is the last of messages, alone: send one of them"))
    if body.message is not None:
        return [read_message(body.message)]
    if body.messages is None and body.trigger == "regenerate-message":
        return []
    if body.messages is None:
        raise InvalidRequest(FieldProblem("messages", "is required (or message)"))
    return read_messages(body.messages)


def merged(messages: Sequence[SentMessage]) -> list[GivenMessage]:
    """The messages as a transcript begins with them: sides alternate, what one says in a row is one message."""
    given: list[GivenMessage] = []
    for message in messages:
        for utterance in message.utterances:
            if message.role == "system" or utterance.empty:
                continue
            new = as_given(utterance, message.id)
            given.append(_joined(given.pop(), new) if given and given[-1].side is new.side else new)
    return given


def as_given(utterance: Utterance, client_message_id: str | None) -> GivenMessage:
    """An utterance as a message of a transcript; only a person's message is known by its client's id."""
    return GivenMessage(
        side=utterance.side,
        content=utterance.text,
        client_message_id=client_message_id if utterance.side is Side.OPPONENT and not utterance.results else None,
        parts=utterance.parts,
        tool_calls=utterance.calls,
        tool_results=utterance.results,
    )


def system_prompt(messages: Sequence[SentMessage]) -> str:
    """What system messages say, in their order."""
    return "\n\n".join(message.text for message in messages if message.role == "system")


def _joined(first: GivenMessage, second: GivenMessage) -> GivenMessage:
    changes: dict[str, object] = {
        "content": "\n\n".join(text for text in (first.content, second.content) if text),
        "client_message_id": second.client_message_id or first.client_message_id,
        "parts": first.parts + second.parts,
        "tool_calls": first.tool_calls + second.tool_calls,
        "tool_results": first.tool_results + second.tool_results,
    }
    return first.model_copy(update=changes)


def _read(raw: Raw, where: str) -> SentMessage:
    role = raw.get("role")
    if role not in ROLES:
        raise InvalidRequest(FieldProblem(f"{where}.role", f"must be one of {', '.join(ROLES)}", list(ROLES)))
    side = Side.AGENT if role == "assistant" else Side.OPPONENT
    return SentMessage(role, _id(raw.get("id"), where), tuple(utterances(raw, side, where)), where)


def _id(value: object, where: str) -> str | None:
    if value is None or value == "":
        return None
    try:
        return message_id(value) if isinstance(value, str) else _refuse_id(where)
    except ValueError:
        return _refuse_id(where)


def _refuse_id(where: str) -> str:
    message = f"must be a text of 1 to {MESSAGE_ID_LENGTH} printable characters, without #"
    raise InvalidRequest(FieldProblem(f"{where}.id", message, MESSAGE_ID_LENGTH))
