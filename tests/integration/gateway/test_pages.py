"""Pages of lists end by the memory they take, however many were asked for, and name where to go on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from shared.contracts.enums import RunKind
from shared.contracts.transcript import Entry, Usage
from shared.storage import Store, paging
from support import builders
from support.gateway.app import prepared

LETTERS = 32_000
LARGE = "\N{PILE OF POO}" * (LETTERS - 10)
"""The largest prompt there may be, in letters of four bytes."""
PAGE_BYTES = 4 * LETTERS * 3


@pytest.fixture
async def store(nats_url: str, mongo_url: str, database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(paging, "PAGE_BYTES", PAGE_BYTES)
    async with prepared(nats_url, mongo_url, database) as store:
        yield store


async def pages(client: AsyncClient, path: str) -> list[list[Any]]:
    """All pages of a list, each asked for by the cursor of the one before; none is larger than it may be."""
    found, cursor = [], None
    while True:
        answer = await client.get(path, params={"limit": "500"} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        assert len(answer.content) < PAGE_BYTES + 20_000
        found.append(answer.json()["items"])
        cursor = answer.json()["nextCursor"]
        if cursor is None:
            return found


async def test_versions_come_page_by_page(client: AsyncClient) -> None:
    path = f"/api/agents/{(await client.post('/api/agents', json={'name': 'A', 'systemPrompt': LARGE})).json()['id']}"
    for number in range(2, 8):
        assert (await client.put(path, json={"name": "A", "systemPrompt": f"{LARGE}{number}"})).status_code == 200
    found = await pages(client, f"{path}/versions")
    assert [[one["version"] for one in page] for page in found] == [[7, 6], [5, 4], [3, 2], [1]]
    beyond = await client.get(f"{path}/versions?cursor=1")
    assert (beyond.json()["items"], beyond.json()["nextCursor"]) == ([], None)
    assert (await client.get(f"{path}/versions?limit=3")).json()["items"][-1]["version"] == 6
    assert (await client.get(f"{path}/versions?cursor=-1")).status_code == 400
    assert (await client.get("/api/agents/nobody/versions?cursor=3")).json()["items"] == []


async def test_templates_and_their_versions_come_page_by_page(client: AsyncClient) -> None:
    body = {"name": "T", "kind": "k", "content": LARGE}
    made = [(await client.post("/api/prompt-templates", json=body)).json()["id"] for _ in range(3)]
    assert [[one["id"] for one in page] for page in await pages(client, "/api/prompt-templates")] == [
        [made[2], made[1]],
        [made[0]],
    ]
    path = f"/api/prompt-templates/{made[0]}"
    for number in range(2):
        await client.put(path, json=body | {"content": f"{LARGE}{number}"})
    found = await pages(client, f"{path}/versions")
    assert [[one["version"] for one in page] for page in found] == [[3, 2], [1]]


async def test_agents_come_page_by_page(client: AsyncClient) -> None:
    made = [(await client.post("/api/agents", json={"name": "A", "systemPrompt": LARGE})).json()["id"] for _ in "12345"]
    found = await pages(client, "/api/agents")
    assert {len(page) for page in found[:-1]} == {2}
    assert [one["id"] for page in found for one in page][:5] == made[::-1]


async def test_runs_are_read_page_by_page_and_shown_together(client: AsyncClient, store: Store) -> None:
    agent = builders.AGENT.model_copy(update={"system_prompt": LARGE})
    played = builders.scenario().model_copy(update={"agent": agent})
    made = [builders.run(played=played) for _ in range(5)]
    for run in made:
        await store.runs.insert(run)
    read = await store.runs.newest(builders.ANYBODY, RunKind.SCALE, (), None, 500)
    assert (len(read), read.more) == (2, True)
    found = await pages(client, "/api/runs")
    assert [one["id"] for page in found for one in page] == sorted((run.id for run in made), reverse=True)


async def test_messages_come_in_parts_that_fit(client: AsyncClient, store: Store) -> None:
    run = builders.run()
    await store.runs.insert(run)
    conversation = run.conversation_id(1)
    await store.conversations.insert(builders.conversation(run))
    await store.entries.insert_in_order([message(conversation, run.id, seq) for seq in range(1, 6)])
    path, since, seen = f"/api/conversations/{conversation}/messages", 0, []
    while True:
        part = (await client.get(path, params={"sinceSeq": since, "limit": 500})).json()
        seen.append([one["seq"] for one in part["messages"]])
        since = part["nextSince"]
        if not part["hasMore"]:
            break
    assert seen == [[1, 2], [3, 4], [5]]
    refused = await client.get(path, params={"page": 1, "limit": 500})
    assert (refused.status_code, refused.json()["details"]["fields"][0]["field"]) == (400, "limit")
    page = (await client.get(path, params={"page": 2, "limit": 2})).json()
    assert ([one["seq"] for one in page["items"]], page["total"]) == ([3, 4], 5)


def message(conversation: str, run_id: str, seq: int) -> Entry:
    return builders.message(conversation, seq, LARGE, run_id=run_id, usage=Usage())
