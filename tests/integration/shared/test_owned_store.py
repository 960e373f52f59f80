"""The store of an owner, method by method: what is another's is refused or is not there. A method without a row fails.

Two walls stand, and each is tested alone: a run and its conversations are claimed before anything is asked of them, and
every query names the tenant, so that a row that was filed under another is not shown whatever its id.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.agents import Agent
from shared.contracts.enums import EndedReason, Purpose, RunKind, Wanted
from shared.contracts.generations import Generation
from shared.contracts.identity import new_id
from shared.contracts.kinds import PLAYED
from shared.contracts.owner import Owner
from shared.contracts.reports import Report, Statistics
from shared.contracts.runs import Run
from shared.contracts.sessions import Session
from shared.contracts.timestamps import now
from shared.storage import Store
from shared.storage.owned import NotTheirs, OwnedStore
from shared.storage.owned.rows import OwnedConversations, OwnedEntries, OwnedGenerations
from shared.storage.owned.runs import OwnedRuns
from shared.storage.owned.things import OwnedQuota, OwnedSessions, OwnedVersioned
from shared.storage.quotas import Allowance
from support.builders import conversation, message, run

ANN, BEN = Owner("red", "ann"), Owner("red", "ben")
OTHERS = (Owner("blue", "ann"), Owner("blue", "ben"), BEN)
"""Strangers by tenant, one of them with Ann's name; a colleague, to whom a chat of Ann's is as strange."""
PLANTED = "not-hers"

Asked = Callable[[Any, Run], Awaitable[object]]
RUNS: Mapping[str, Asked] = {
    "get": lambda runs, of: runs.get(of.id),
    "find": lambda runs, of: runs.find(of.id),
    "find_by_key": lambda runs, of: runs.find_by_key(of.idempotency_key),
    "standing": lambda runs, of: runs.standing([of.id]),
    "newest": lambda runs, of: runs.newest(RunKind.CHAT, (), None, 100),
    "insert": lambda runs, of: runs.insert(of.model_copy(update={"id": new_id(), "idempotency_key": None})),
    "set_wanted": lambda runs, of: runs.set_wanted(of.id, Wanted.CANCEL, 1, now()),
    "give_up": lambda runs, of: runs.give_up(of.id, now()),
    "ask": lambda runs, of: runs.ask(of.id, 9, now(), now() + timedelta(days=9)),
    "stop_answer": lambda runs, of: runs.stop_answer(of.id, 9),
}
ENTRIES: Mapping[str, Callable[[OwnedEntries, str], Awaitable[object]]] = {
    "transcript": lambda entries, place: entries.transcript(place),
    "at": lambda entries, place: entries.at(place, 2),
    "some": lambda entries, place: entries.some(place, [1, 2]),
    "outline": lambda entries, place: entries.outline(place),
    "after": lambda entries, place: entries.after(place, 0, 10),
    "since": lambda entries, place: entries.since(place, now() - timedelta(hours=1), 10),
    "page": lambda entries, place: entries.page(place, 0, 10),
    "of_conversations": lambda entries, place: entries.of_conversations([place]),
    "heads_of": lambda entries, place: entries.heads_of([place]),
    "end": lambda entries, place: entries.end(place),
    "delete": lambda entries, place: entries.delete(place),
    "insert": lambda entries, place: entries.insert(message(place, 9, PLANTED, tenant="red")),
}
CONVERSATIONS: Mapping[str, Callable[[OwnedConversations, str], Awaitable[object]]] = {
    "get": lambda conversations, place: conversations.get(place),
    "all": lambda conversations, place: conversations.all(),
    "errored": lambda conversations, place: conversations.errored(),
}
GENERATIONS: Mapping[str, Callable[[OwnedGenerations, str], Awaitable[object]]] = {
    "of_conversation": lambda generations, place: generations.of_conversation(place),
}


def methods(of: type[object]) -> set[str]:
    return {name for name, _ in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}


async def stored(store: Store, owner: Owner, kind: RunKind = RunKind.CHAT, **changes: Any) -> Run:
    made = run(kind=kind, total=2 if kind in PLAYED else 1).model_copy(update={**owner._asdict(), **changes})
    await store.runs.insert(made)
    return made


def test_every_method_of_an_owners_store_has_a_row() -> None:
    assert methods(OwnedRuns) == set(RUNS)
    assert methods(OwnedEntries) == set(ENTRIES)
    assert methods(OwnedConversations) == set(CONVERSATIONS)
    assert methods(OwnedGenerations) == set(GENERATIONS)
    # Each of these has a test of its own below.
    assert methods(OwnedVersioned) == {"get", "newest", "versions", "insert", "replace", "archive"}
    assert methods(OwnedSessions) == {"insert", "get"}
    assert methods(OwnedQuota) == {"get", "take", "settle"}
    shown = {name for name in vars(OwnedStore) if not name.startswith("_")}
    tables = {"runs", "entries", "conversations", "generations", "agents", "templates", "sessions", "quota"}
    # What is spent is tested with its route.
    assert shown == tables | {"report", "owner", "spending"}


@pytest.mark.parametrize("owner", OTHERS)
async def test_anothers_run_is_not_there_and_is_not_changed(store: Store, owner: Owner) -> None:
    hers = await stored(store, ANN, idempotency_key=new_id())
    for method, asked in RUNS.items():
        try:
            told = await asked(store.of(owner).runs, hers)
        except NotTheirs:
            told = None
        assert told in (None, [], {hers.id: False}), method
        assert await store.runs.get(hers.id) == hers, method
        assert await store.of(owner).runs.newest(RunKind.CHAT, (), None, 9) == [], method


async def test_ones_own_run_is_there(store: Store) -> None:
    """Else the test above would prove nothing."""
    silent = {"insert", "stop_answer"}
    for method, asked in RUNS.items():
        hers = await stored(store, ANN, idempotency_key=new_id())
        told = await asked(store.of(ANN).runs, hers)
        assert (told in (None, [], {hers.id: False})) == (method in silent), method


@pytest.mark.parametrize("owner", OTHERS)
async def test_rows_of_anothers_run_are_asked_for_in_vain(store: Store, owner: Owner) -> None:
    hers, own = await stored(store, ANN), await stored(store, owner)
    theirs = store.of(owner)
    for of_run in (theirs.entries, theirs.conversations, theirs.generations):
        with pytest.raises(NotTheirs):
            of_run(hers)
    with pytest.raises(NotTheirs):
        await theirs.report(hers)
    for method, asked in ENTRIES.items():
        with pytest.raises(NotTheirs):
            await asked(theirs.entries(own), hers.id)
        assert method
    with pytest.raises(NotTheirs):
        await theirs.conversations(own).get(hers.id)
    with pytest.raises(NotTheirs):
        await theirs.generations(own).of_conversation(hers.id)


async def test_what_is_played_is_the_whole_tenants(store: Store) -> None:
    battle = await stored(store, ANN, RunKind.BATTLE)
    assert await store.of(BEN).runs.get(battle.id) == battle
    assert await store.of(BEN).conversations(battle).all() == []
    with pytest.raises(NotTheirs):
        store.of(Owner("blue", "ann")).entries(battle)


async def planted(store: Store) -> tuple[Run, str]:
    """A battle of Ann's of which everything but one message was filed under another tenant."""
    of = await stored(store, ANN, RunKind.BATTLE)
    place = of.conversation_id(1)
    foreign = conversation(of).model_copy(update={"tenant": "blue"})
    await store.conversations.insert(foreign)
    await store.conversations.set_totals(
        place, reason=EndedReason.ERROR, goal_reached=None, decided_by=None, messages=2, usage=of.usage, ended_at=now()
    )
    await store.entries.insert(message(place, 1, "hers", run_id=of.id, tenant="red"))
    await store.entries.insert(message(place, 2, PLANTED, run_id=of.id, tenant="blue"))
    generation = Generation(
        id=new_id(), run_id=of.id, tenant="blue", conversation_id=place, purpose=Purpose.JUDGE, created_at=now()
    )
    await store.generations.insert(generation)
    stats = Statistics(
        total=1, succeeded=0, unsuccessful=0, errored=1, failed=1, success_rate=None, success_interval=None
    )
    report = Report(run_id=of.id, tenant="blue", status="ready", stats=stats, created_at=now())
    await store.reports.insert(report)
    return of, place


async def test_entry_that_was_filed_under_another_tenant_is_not_shown(store: Store) -> None:
    of, place = await planted(store)
    for method in ENTRIES.keys() - {"insert"}:
        told = await ENTRIES[method](store.of(ANN).entries(of), place)
        assert PLANTED not in repr(told), method
        assert "seq=2" not in repr(told), method
    # Nor is it deleted in her name.
    assert await store.entries.at(place, 2) is not None


async def test_entry_of_another_tenant_is_not_stored(store: Store) -> None:
    of = await stored(store, ANN, RunKind.BATTLE)
    with pytest.raises(NotTheirs):
        await store.of(ANN).entries(of).insert(message(of.conversation_id(1), 1, run_id=of.id, tenant="blue"))


async def test_other_rows_that_were_filed_under_another_tenant_are_not_shown(store: Store) -> None:
    of, place = await planted(store)
    hers = store.of(ANN)
    for name, asked in CONVERSATIONS.items():
        assert await asked(hers.conversations(of), place) in (None, []), name
    for name, wanted in GENERATIONS.items():
        assert await wanted(hers.generations(of), place) == [], name
    assert await hers.report(of) is None


async def test_agents_are_the_tenants(store: Store) -> None:
    moment = now()
    agent = Agent(id=new_id(), tenant="red", name="a", system_prompt="Be kind.", created_at=moment, updated_at=moment)
    await store.of(ANN).agents.insert(agent)
    changed = agent.model_copy(update={"version": 2})
    strangers = store.of(Owner("blue", "ann")).agents
    assert [await strangers.get(agent.id), await strangers.newest(None, 9), await strangers.versions(agent.id)] == [
        None,
        [],
        [],
    ]
    assert not await strangers.archive(agent.id)
    for write in (strangers.insert, strangers.replace):
        with pytest.raises(NotTheirs):
            await write(changed)
    colleagues = store.of(BEN).agents
    assert await colleagues.get(agent.id) == agent
    assert await colleagues.replace(changed)
    assert len(await colleagues.versions(agent.id)) == 2
    assert (await colleagues.get(agent.id, 1), await strangers.get(agent.id, 1)) == (agent, None)


@pytest.mark.parametrize("owner", OTHERS)
async def test_question_that_waits_is_its_users(store: Store, owner: Owner) -> None:
    until = now() + timedelta(minutes=1)
    session = Session(id=new_id(), **ANN._asdict(), settings=run().settings, expires_at=until)
    with pytest.raises(NotTheirs):
        await store.of(owner).sessions.insert(session)
    await store.of(ANN).sessions.insert(session)
    found = [await store.of(one).sessions.get(session.id, now()) for one in (owner, ANN)]
    assert found == [None, session]


@pytest.mark.parametrize("owner", OTHERS)
async def test_quota_is_its_users(store: Store, owner: Owner) -> None:
    kind, allowance = new_id(), Allowance(requests=1, cost_nanos=10)
    hers, theirs = (store.of(one).quota(kind, "2026-11-21") for one in (ANN, owner))
    assert await hers.take("r1", 5, allowance, now() + timedelta(days=1))
    assert (await theirs.get()).requests == 0
    assert await theirs.take("r2", 10, allowance, now() + timedelta(days=1))
    await theirs.settle("r1", 0)
    assert (await hers.get()).open == {"r1": 5}
