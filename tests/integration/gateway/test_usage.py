"""GET /api/usage: every call once, by what it is grouped by, within its time."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from shared.contracts.enums import Purpose, RunKind
from shared.contracts.runs import Run
from shared.contracts.transcript import Usage
from shared.storage import Store
from support.builders import generation, message, run, usage_row

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FAST: dict[str, Any] = {"provider": "demo", "model": "demo-fast"}
LARGE: dict[str, Any] = {"provider": "demo", "model": "large"}
Asked = Callable[..., Awaitable[dict[str, Any]]]


def took(nanos: int, **more: int) -> Usage:
    return Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=nanos, **more)


@pytest.fixture
async def played(store: Store) -> list[Run]:
    """Two runs: messages, a judgement, a report, and attempts, some of which stand in a result too."""
    for name in ("runs", "entries", "generations", "usage"):
        await store.collection(name).delete_many({})
    battle, chat = run(), run(kind=RunKind.CHAT)
    for one in (battle, chat):
        await store.runs.insert(one)
    first, talk = battle.conversation_id(1), chat.conversation_id(1)
    given = message(first, 1, created_at=NOON, usage=Usage(), run_id=battle.id)
    said = message(first, 2, created_at=NOON, attempt="a1", usage=took(1000), run_id=battle.id, **FAST)
    late = message(first, 3, created_at=NOON + DAY, attempt="a2", usage=took(2000), run_id=battle.id, **LARGE)
    cached = took(4000, cache_read_tokens=8, reasoning_tokens=3, cost_unknown_calls=1)
    answer = message(talk, 2, created_at=NOON, attempt="a3", usage=cached, run_id=chat.id, estimated=True, **LARGE)
    for entry in (given, said, late, answer):
        await store.entries.insert(entry)
    judged = generation(first, 2, Purpose.JUDGE, created_at=NOON, attempt="a4", usage=took(8000), **FAST)
    await store.generations.insert(judged)
    for identity, of, nanos in (
        ("a1", f"{first}:2:turn", 100),
        ("a4", judged.id, 100),
        ("a5", f"{first}:2:turn", 16_000),
        ("a6", judged.id, 32_000),
        ("a7", f"{battle.id}:report", 64_000),
    ):
        place = None if identity == "a7" else first
        booked = usage_row(battle.id, of, id=identity, created_at=NOON, usage=took(nanos), conversation_id=place)
        await store.usage.insert(booked)
    await store.usage.insert(usage_row(battle.id, f"{first}:2:turn", created_at=NOON, conversation_id=first))
    return [battle, chat]


@pytest.fixture
def asked(client: AsyncClient) -> Asked:
    async def ask(**query: str) -> dict[str, Any]:
        answer = await client.get("/api/usage", params={"from": "2026-03-01", "to": "2026-04-01"} | query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return ask


def costs(body: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Calls and nano-dollars by key, in their order."""
    return {one["key"]: (one["calls"], round(one["usage"]["costUsd"] * 1e9)) for one in body["items"]}


async def test_each_call_is_summed_once_whatever_it_is_grouped_by(played: list[Run], asked: Asked) -> None:
    battle, chat = played
    expected = {
        "day": {"2026-03-05": (6, 125_000), "2026-03-06": (1, 2000)},
        "model": {"demo/demo-fast": (5, 121_000), "demo/large": (2, 6000)},
        "run": {battle.id: (6, 123_000), chat.id: (1, 4000)},
        "user": {battle.user: (7, 127_000)},
    }
    for key, groups in expected.items():
        body = await asked(groupBy=key)
        assert costs(body) == groups, key
        assert list(costs(body)) == list(groups), key
        assert (body["groupBy"], body["hasMore"], body["total"]) == (key, False, body["total"])
        assert body["total"] == {
            "calls": 7,
            "estimatedCalls": 1,
            "usage": {
                "promptTokens": 70,
                "completionTokens": 35,
                "costUsd": 0.000127,
                "cacheReadTokens": 8,
                "reasoningTokens": 3,
                "costUnknownCalls": 1,
            },
        }


async def test_a_range_holds_its_beginning_and_not_its_end(played: list[Run], asked: Asked) -> None:
    assert played
    moment = NOON.isoformat()
    assert (await asked(to=moment))["total"]["calls"] == 0
    assert (await asked(**{"from": moment}))["total"]["calls"] == 7
    assert (await asked(**{"from": "2026-03-06"}))["total"]["calls"] == 1
    nothing = await asked(**{"from": "2026-03-07"})
    assert (nothing["items"], nothing["total"]["usage"]["costUsd"]) == ([], 0)
    assert (nothing["from"], nothing["to"]) == ("2026-03-07T00:00:00.000Z", "2026-04-01T00:00:00.000Z")


async def test_without_a_range_it_is_the_last_thirty_days(client: AsyncClient) -> None:
    body = (await client.get("/api/usage")).json()
    begins, ends = (datetime.fromisoformat(body[name]) for name in ("from", "to"))
    assert (ends - begins, body["groupBy"]) == (30 * DAY, "day")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("from=2020-01-01&to=2026-03-01", "from"),
        ("from=yesterday", "from"),
        ("to=soon", "to"),
        ("to=0001-01-01", "from"),
        ("from=9999-12-31T23:59:59-14:00", "from"),
        ("groupBy=week", "groupBy"),
    ],
)
async def test_what_is_no_range_is_refused_by_name(client: AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"/api/usage?{query}")
    assert answer.status_code == 400
    assert field in answer.text
