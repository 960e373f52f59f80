"""Chats as they are shown: in lists, and whole with their messages in the AI SDK's shape."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.answers.formats import input_of
from gateway.chat.decide import ChatState, answer_id, chat_state, shown_id
from shared.contracts.enums import Side
from shared.contracts.model import Contract
from shared.contracts.runs import Run
from shared.contracts.timestamps import Timestamp, iso
from shared.contracts.transcript import Entry, UsageView, message_view
from shared.storage.owned import OwnedStore

TITLE_LENGTH: Final = 30


PAGE_BYTES: Final = 1024 * 1024
"""What the messages of a page take stored: shown they take twice that, for a text is content and part.

One alone may take more, as much as a message may.
"""


@dataclass(frozen=True, slots=True)
class ChatMessages:
    """Messages that count, in order, as they stand in `chat`, of which nothing but an outline is known.

    `before` is what the page before this one is asked for by, None where there is none.
    """

    chat: ChatState
    messages: list[Entry]
    before: int | None


class ChatItem(Contract):
    """A chat as lists show it."""

    id: str
    client_id: str | None
    title: str
    provider: str
    model: str
    created_at: Timestamp
    updated_at: Timestamp
    expires_at: Timestamp | None
    usage: UsageView


class ChatPage(Contract):
    items: list[ChatItem]
    next_cursor: str | None = None


class ChatView(ChatItem):
    """A chat with its newest messages that count, or those before one; `streaming` says that an answer is owed.

    `next_before` is the `before` of the page that precedes this one, null where this one begins the chat.
    """

    conversation_id: str
    streaming: bool
    messages: list[dict[str, Any]]
    next_before: int | None = None


def chat_item(run: Run) -> ChatItem:
    """The chat of a run for a list."""
    scenario = run.settings.scenarios[0]
    said = next((one.content for one in scenario.given if one.side is Side.OPPONENT), "")
    return ChatItem(
        id=run.id,
        client_id=run.client_id,
        title=" ".join(said.split())[:TITLE_LENGTH],
        provider=scenario.agent.provider,
        model=scenario.agent.model,
        created_at=run.created_at,
        updated_at=max(one for one in (run.asked_at, run.last_event_at, run.created_at) if one),
        expires_at=run.expires_at,
        usage=UsageView.of(run.usage),
    )


def chat_view(run: Run, page: ChatMessages) -> ChatView:
    """The chat of a run with a page of its messages."""
    return ChatView(
        **chat_item(run).model_dump(),
        conversation_id=run.id,
        streaming=page.chat.owed,
        messages=shown_messages(page.messages, page.chat.messages),
        next_before=page.before,
    )


def shown_messages(messages: Sequence[Entry], among: Sequence[Entry]) -> list[dict[str, Any]]:
    """Messages as `useChat` holds them; an answer, its tools and what follows them are one.

    `among` are all that count: who a message is of may be said before these.
    """
    shown: list[dict[str, Any]] = []
    for entry in messages:
        if entry.side is Side.AGENT:
            identity = answer_id(among, entry.seq, shown_id(entry))
            if not (shown and shown[-1]["id"] == identity):
                shown.append(_message(entry, identity, "assistant"))
            shown[-1] = _with_answer(shown[-1], entry)
        else:
            for result in entry.tool_results:
                _note_output(shown, result.tool_call_id, result.output, result.is_error)
            if entry.content or entry.parts or not entry.tool_results:
                shown.append(_with_question(_message(entry, shown_id(entry), "user"), entry))
    return shown


def _message(entry: Entry, identity: str, role: str) -> dict[str, Any]:
    return {
        "id": identity,
        "role": role,
        "seq": entry.seq,
        "createdAt": iso(entry.created_at),
        "content": "",
        "parts": [],
        "metadata": {},
    }


def _with_question(message: dict[str, Any], entry: Entry) -> dict[str, Any]:
    text = [{"type": "text", "text": entry.content}] if entry.content else []
    return message | {"content": entry.content or "", "parts": [*text, *entry.parts]}


def _with_answer(message: dict[str, Any], entry: Entry) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [*message["parts"], {"type": "step-start"}]
    if entry.content:
        parts.append({"type": "text", "text": entry.content, "state": "done"})
    for call in entry.tool_calls:
        given = input_of({"input": call.input})
        asked = {"type": "dynamic-tool", "toolName": call.name, "toolCallId": call.id, "input": given}
        parts.append(asked | {"state": "input-available"})
    view = json.loads(message_view(entry).to_json())
    shown = ("provider", "model", "promptTokens", "completionTokens", "costUsd", "latencyMs", "ttftMs", "finishReason")
    known = {name: view[name] for name in shown} | {"seq": entry.seq}
    if entry.error is not None:
        known["error"] = {"code": entry.error.code, "message": entry.error.message}
    return message | {"content": message["content"] + (entry.content or ""), "parts": parts, "metadata": known}


def _note_output(shown: list[dict[str, Any]], call: str, output: str, is_error: bool) -> None:
    """Puts what a tool gave into the part that asked for it."""
    parts = shown[-1]["parts"] if shown else []
    for place, part in enumerate(parts):
        if part.get("toolCallId") == call and part["state"] == "input-available":
            value = input_of({"input": output})
            given = {"errorText": value if isinstance(value, str) else output} if is_error else {"output": value}
            parts[place] = part | given | {"state": "output-error" if is_error else "output-available"}
            return


async def read_page(store: OwnedStore, run: Run, before: int | None, limit: int) -> ChatMessages:
    """The last `limit` messages at most, of those that stand before a seq where one is named."""
    outline = await store.entries(run).outline(run.id)
    sizes = {one.entry.seq: one.bytes for one in outline}
    chat = chat_state(run, [one.entry for one in outline])
    earlier = [message for message in chat.messages if before is None or message.seq < before]
    first = _first_of(earlier, sizes, limit)
    page = earlier[first:]
    stored = {entry.seq: entry for entry in await store.entries(run).some(run.id, [one.seq for one in page])}
    # What a chat began with and the engine has not stored yet is known whole.
    messages = [stored.get(one.seq, one) for one in page]
    return ChatMessages(chat, messages, page[0].seq if first else None)


def _first_of(messages: Sequence[Entry], sizes: dict[int, int], limit: int) -> int:
    """Where the page begins that ends with the last message."""
    first, taken = len(messages), 0
    while first and len(messages) - first < limit:
        taken += sizes.get(messages[first - 1].seq, 0)
        if taken > PAGE_BYTES and first < len(messages):
            break
        first -= 1
    # What tools gave is shown within the answer that asked for it.
    if 0 < first < len(messages) and messages[first].tool_results and not messages[first].content:
        first -= 1
    return first
