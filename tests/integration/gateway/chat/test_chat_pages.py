"""A chat shown page by page: bounded in messages and in bytes, and nothing of it is lost or shown twice."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx import AsyncClient

from shared.contracts.enums import EntryKind, RunKind
from shared.contracts.identity import new_id
from shared.contracts.transcript import Entry, ToolCall, ToolResult
from shared.storage import Store
from support.builders import message, run
from support.gateway.app import client_of, gateway_app, prepared

LARGEST = "𝔸" * 10_000
MOST_BYTES = 3 * 1024 * 1024


@asynccontextmanager
async def shown(nats_url: str, mongo_url: str) -> AsyncIterator[tuple[AsyncClient, Store, str]]:
    """A gateway, its store, and a chat without messages."""
    database = f"pages_{new_id()}"
    async with prepared(nats_url, mongo_url, database) as store:
        app = gateway_app(nats_url, mongo_url, database)
        chat = run(kind=RunKind.CHAT)
        await store.runs.insert(chat)
        async with client_of(app) as client:
            yield client, store, chat.id
        app.state.store.close()


async def said(store: Store, chat: str, texts: Sequence[str]) -> None:
    if not texts:
        return
    await store.entries.insert_in_order([message(chat, seq, text, run_id=chat) for seq, text in enumerate(texts, 1)])


async def pages(client: AsyncClient, chat: str, query: str = "") -> list[dict[str, Any]]:
    """Every page, the newest first."""
    found, before = [], ""
    while True:
        answer = await client.get(f"/api/chat/{chat}?{query}{before}")
        assert answer.status_code == 200, answer.text
        assert len(answer.content) < MOST_BYTES
        found.append(answer.json())
        if found[-1]["nextBefore"] is None:
            return found
        before = f"&before={found[-1]['nextBefore']}"


def seqs(page: dict[str, Any]) -> list[int]:
    return [one["seq"] for one in page["messages"]]


async def test_chat_of_ordinary_length_is_one_page_as_ever(nats_url: str, mongo_url: str) -> None:
    async with shown(nats_url, mongo_url) as (client, store, chat):
        await said(store, chat, [f"text {seq}" for seq in range(1, 121)])
        [page] = await pages(client, chat)
        assert [one["content"] for one in page["messages"]] == [f"text {seq}" for seq in range(1, 121)]
        assert (page["streaming"], page["id"]) == (False, chat)


async def test_pages_hold_so_many_messages_and_together_all(nats_url: str, mongo_url: str) -> None:
    async with shown(nats_url, mongo_url) as (client, store, chat):
        await said(store, chat, ["text"] * 1101)
        found = await pages(client, chat)
        assert [len(page["messages"]) for page in found] == [500, 500, 101]
        assert [seq for page in reversed(found) for seq in seqs(page)] == list(range(1, 1102))
        assert seqs((await pages(client, chat, "limit=400"))[0]) == list(range(702, 1102))
        assert {page["streaming"] for page in found} == {True}
        for query in ("limit=0", "limit=501", "before=0", "before=x"):
            assert (await client.get(f"/api/chat/{chat}?{query}")).status_code == 400


async def test_pages_hold_so_many_bytes_however_large_their_messages(nats_url: str, mongo_url: str) -> None:
    async with shown(nats_url, mongo_url) as (client, store, chat):
        await said(store, chat, [LARGEST] * 200)
        found = await pages(client, chat)
        assert len(found) == 8
        assert [seq for page in reversed(found) for seq in seqs(page)] == list(range(1, 201))


async def test_what_was_taken_back_stands_on_no_page_and_tools_are_shown_with_their_answer(
    nats_url: str, mongo_url: str
) -> None:
    async with shown(nats_url, mongo_url) as (client, store, chat):
        asks = ToolCall(id="c1", name="weather", input="{}")
        gives = ToolResult(tool_call_id="c1", output='"sunny"')
        lines: list[Entry] = [
            message(chat, 1, "Hello", run_id=chat),
            message(chat, 2, "Taken back.", run_id=chat),
            message(chat, 3, "", run_id=chat, kind=EntryKind.REWIND, rewind_to=1, side=None),
            message(chat, 4, "Good day.", run_id=chat),
            message(chat, 5, "The weather?", run_id=chat),
            message(chat, 6, "I look.", run_id=chat, tool_calls=(asks,)),
            message(chat, 7, "", run_id=chat, tool_results=(gives,)),
            message(chat, 8, "Sunny.", run_id=chat),
        ]
        await store.entries.insert_in_order(lines)
        [whole] = await pages(client, chat)
        assert [one["content"] for one in whole["messages"]] == ["Hello", "Good day.", "The weather?", "I look.Sunny."]
        newest = (await client.get(f"/api/chat/{chat}?limit=2")).json()
        assert newest["messages"] == whole["messages"][-1:]
        assert newest["nextBefore"] == 6
        before = (await client.get(f"/api/chat/{chat}?limit=2&before=6")).json()
        assert before["messages"] == whole["messages"][1:3]


@pytest.mark.parametrize("count", [0, 1])
async def test_chat_whose_first_message_the_engine_has_not_stored_is_shown(
    nats_url: str, mongo_url: str, count: int
) -> None:
    async with shown(nats_url, mongo_url) as (client, store, chat):
        await said(store, chat, ["Hello"] * count)
        [page] = await pages(client, chat)
        assert (len(page["messages"]), page["streaming"]) == (count, bool(count))
