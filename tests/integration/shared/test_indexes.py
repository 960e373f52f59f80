"""Every query has an index that serves it, and a store that was made by a former version gets them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from pymongo import IndexModel

from shared.contracts.enums import EndedReason, Purpose, RunKind, RunStatus, SpendingKey, Wanted
from shared.contracts.owner import Owner
from shared.contracts.runs import Control
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.storage import Store
from shared.storage.accounts import AccountChange, Settle
from shared.storage.indexes import UniqueIndexChanged, make_indexes
from shared.storage.quotas import Allowance
from support import builders
from support.servers import own_store

LATER, EARLIER = now() + timedelta(days=1), now() - timedelta(days=1)
NOBODY = Owner("default", "user")


@pytest.fixture
async def store(mongo_url: str) -> AsyncIterator[Store]:
    async with own_store(mongo_url) as opened:
        yield opened


Query = Callable[[Store], Awaitable[object]]

QUERIES: dict[str, Query] = {
    "runs.get": lambda store: store.runs.get("r"),
    "runs.find": lambda store: store.runs.find(NOBODY, "r"),
    "runs.find_by_key": lambda store: store.runs.find_by_key(NOBODY, "k"),
    "runs.newest": lambda store: store.runs.newest(NOBODY, None, (), None, 5),
    "runs.newest of a kind": lambda store: store.runs.newest(NOBODY, RunKind.SCALE, ("running",), "r", 5),
    "runs.newest of a user": lambda store: store.runs.newest(NOBODY, RunKind.CHAT, (), None, 5),
    "runs.control": lambda store: store.runs.control("r"),
    "runs.unanswered": lambda store: store.runs.unanswered(EARLIER, LATER, 5),
    "runs.canceled_chats": lambda store: store.runs.canceled_chats(LATER, 5),
    "runs.expired": lambda store: store.runs.expired(LATER, 5),
    "runs.unfinished": lambda store: store.runs.unfinished(5),
    "runs.account": lambda store: store.runs.account("r", AccountChange(1, (Settle("turn", 1),))),
    "runs.count": lambda store: store.runs.count("r", 1, False, None),
    "runs.set_wanted": lambda store: store.runs.set_wanted(NOBODY, "r", Wanted.PAUSE, 1, now()),
    "runs.finish": lambda store: store.runs.finish("r", RunStatus.COMPLETE, now(), False),
    "conversations.of_run": lambda store: store.conversations.of_run("r", 1, 5),
    "conversations.begun": lambda store: store.conversations.begun("r"),
    "conversations.errored": lambda store: store.conversations.errored("r"),
    "conversations.unended": lambda store: store.conversations.unended(["r", "s"]),
    "conversations.set_totals": lambda store: store.conversations.set_totals(
        "c",
        reason=EndedReason.GOAL,
        goal_reached=True,
        decided_by=1,
        messages=1,
        usage=Usage(),
        ended_at=now(),
    ),
    "entries.transcript": lambda store: store.entries.transcript("c"),
    "entries.heads": lambda store: store.entries.heads("c"),
    "entries.last_activity": lambda store: store.entries.last_activity(["c", "d"]),
    "entries.at": lambda store: store.entries.at("c", 1),
    "entries.after": lambda store: store.entries.after("c", 1, 5),
    "entries.since": lambda store: store.entries.since("c", EARLIER, 5),
    "entries.page": lambda store: store.entries.page("c", 0, 5),
    "entries.of_conversations": lambda store: store.entries.of_conversations(["c", "d"]),
    "entries.heads_of": lambda store: store.entries.heads_of(["c", "d"]),
    "entries.usage": lambda store: store.entries.usage(["c", "d"]),
    "entries.attempts": lambda store: store.entries.attempts(["c", "d"], ["a"]),
    "entries.ends": lambda store: store.entries.ends(["c", "d"]),
    "entries.delete": lambda store: store.entries.delete("c"),
    "generations.get": lambda store: store.generations.get("g"),
    "generations.of_conversation": lambda store: store.generations.of_conversation("c"),
    "generations.of_conversations": lambda store: store.generations.of_conversations(["c", "d"]),
    "generations.of_run": lambda store: store.generations.of_run("r"),
    "generations.of_purpose": lambda store: store.generations.of_purpose("r", Purpose.REPORT),
    "generations.usage": lambda store: store.generations.usage("r"),
    "generations.attempts": lambda store: store.generations.attempts("r", ["a"]),
    "generations.newest_memory": lambda store: store.generations.newest_memory("c"),
    "generations.delete": lambda store: store.generations.delete("c"),
    "usage.of_generation": lambda store: store.usage.of_generation("g"),
    "usage.of_conversation": lambda store: store.usage.of_conversation("c"),
    "usage.of_run": lambda store: store.usage.of_run("r"),
    "usage.delete": lambda store: store.usage.delete("c"),
    "spending.of": lambda store: store.spending.of(NOBODY, EARLIER, LATER, SpendingKey.MODEL),
    "readers.read_at": lambda store: store.readers.read_at(["r", "s"]),
    "readers.renew": lambda store: store.readers.renew(["r", "s"], now()),
    "readers.finish": lambda store: store.readers.finish({"r": 1}),
    "reports.get": lambda store: store.reports.get("r"),
    "agents.newest": lambda store: store.agents.newest("default", None, 5),
    "agents.get": lambda store: store.agents.get("default", "a", 1),
    "agents.versions": lambda store: store.agents.versions("default", "a"),
    "agents.archive": lambda store: store.agents.archive("default", "a"),
    "templates.newest": lambda store: store.templates.newest("default", "t", 5),
    "templates.versions": lambda store: store.templates.versions("default", "t"),
    "sessions.get": lambda store: store.sessions.get(NOBODY, "s", now()),
    "quotas.take": lambda store: store.quotas.take("q", "r", 1, Allowance(requests=1, cost_nanos=1), LATER),
    "quotas.settle": lambda store: store.quotas.settle("q", "r", 1),
    "stream_leases.record": lambda store: store.stream_leases.record("h", {NOBODY: 1}, LATER),
    "stream_leases.elsewhere": lambda store: store.stream_leases.elsewhere(NOBODY, "h", now()),
    "stream_leases.release": lambda store: store.stream_leases.release("h"),
}


async def test_every_query_reads_by_an_index_and_within_its_bounds(store: Store) -> None:
    await fill(store)
    unserved = {name for name, query in QUERIES.items() if not await served(store, query)}
    assert unserved == set()


async def served(store: Store, query: Query) -> bool:
    """Whether all that a query has the server do is done by indexes of which it reads a part."""
    profile = store.collection("system.profile")
    await profile.drop()
    await store.database.command("profile", 2)
    await query(store)
    await store.database.command("profile", 0)
    operations = [one async for one in profile.find({}) if one["ns"] != profile.full_name]
    assert operations
    return all(
        "COLLSCAN" not in one.get("planSummary", "") and all(map(bounded, index_bounds(one.get("execStats", {}))))
        for one in operations
    )


def bounded(bounds: dict[str, list[str]]) -> bool:
    """Whether of some field of the index at least only a part is read."""
    return any(part not in (["[MinKey, MaxKey]"], ["[MaxKey, MinKey]"]) for part in bounds.values())


def index_bounds(stage: Any) -> list[dict[str, list[str]]]:
    """The bounds of every index scan in a plan."""
    if isinstance(stage, list):
        return [bounds for one in stage for bounds in index_bounds(one)]
    if not isinstance(stage, dict):
        return []
    own = [stage["indexBounds"]] if "indexBounds" in stage else []
    return own + [bounds for value in stage.values() for bounds in index_bounds(value)]


async def fill(store: Store) -> None:
    """Enough of other things that it would show where all of them are read."""
    for number in range(5):
        await store.runs.insert(builders.run(id=f"s{number}", expires_at=LATER))
        await store.runs.insert(builders.run(id=f"c{number}", kind=RunKind.CHAT, asked_at=now(), asked_seq=1))


async def test_the_sweepers_looks_read_only_what_they_find(store: Store) -> None:
    moment = now()
    canceled = Control(wanted=Wanted.CANCEL, changed_at=moment)
    for number in range(40):
        await store.runs.insert(builders.run(id=f"scale{number}", ended_at=moment, status=RunStatus.COMPLETE))
        await store.runs.insert(builders.run(id=f"quiet{number}", kind=RunKind.CHAT))
    await store.runs.insert(builders.run(id="asked", kind=RunKind.CHAT, asked_at=moment, asked_seq=1))
    await store.runs.insert(builders.run(id="kept", kind=RunKind.CHAT, expires_at=moment))
    await store.runs.insert(builders.run(id="leaving", kind=RunKind.CHAT, control=canceled))
    await store.runs.insert(builders.run(id="open"))
    await store.database.command("profile", 2)
    assert [run.id for run in await store.runs.unanswered(EARLIER, LATER, 50)] == ["asked"]
    assert await store.runs.expired(LATER, 50) == ["kept"]
    assert await store.runs.canceled_chats(LATER, 50) == ["leaving"]
    assert [run.id for run in await store.runs.unfinished(50)] == ["open"]
    await store.database.command("profile", 0)
    finds = [
        operation
        async for operation in store.collection("system.profile").find({})
        if operation["command"].get("limit") == 50
    ]
    assert [(find["docsExamined"], find["nreturned"]) for find in finds] == [(1, 1)] * 4


async def test_indexes_of_a_former_version_are_made_anew(store: Store) -> None:
    runs = store.collection("runs")
    former = {"partialFilterExpression": {"expires_at": {"$type": "date"}}}
    await runs.drop_index("by_expiry")
    await runs.create_indexes([IndexModel([("expires_at", 1)], name="by_expiry", **former)])
    assert await make_indexes(store.database, change=False) == []
    assert await make_indexes(store.database) == ["changed index runs.by_expiry"]
    assert await make_indexes(store.database) == []


async def test_a_superseded_index_goes_when_the_others_stand(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = store.collection("runs")
    await runs.create_indexes([IndexModel([("tenant", 1), ("former", 1)], name="tenant_former", unique=True)])
    await runs.drop_index("by_expiry")
    monkeypatch.setattr("shared.storage.indexes.SUPERSEDED", (("runs", "tenant_former"),))
    assert await make_indexes(store.database) == ["made index runs.by_expiry", "dropped index runs.tenant_former"]


async def test_a_unique_index_is_never_taken_away_to_be_made_again(store: Store) -> None:
    entries = store.collection("entries")
    await entries.drop_index("conversation_seq")
    await entries.create_indexes([IndexModel([("conversation_id", 1)], name="conversation_seq", unique=True)])
    with pytest.raises(UniqueIndexChanged, match=r"entries\.conversation_seq"):
        await make_indexes(store.database)
    assert "conversation_seq" in await entries.index_information()
