"""Whose a run is, as the store sees it: chats and answers are a user's, what is played is the whole tenant's."""

from typing import Any

import pytest
from pymongo import IndexModel

from shared.contracts.enums import RunKind
from shared.contracts.kinds import KINDS
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.errors import Taken
from shared.storage import Store
from shared.storage.indexes import SUPERSEDED, make_indexes
from support.builders import run

ANN, BEN, STRANGER = Owner("default", "ann"), Owner("default", "ben"), Owner("other", "ann")


async def stored(store: Store, owner: Owner, kind: RunKind = RunKind.CHAT, **changes: Any) -> Run:
    made = run(kind=kind, tenant=owner.tenant).model_copy(update={"user": owner.user, **changes})
    await store.runs.insert(made)
    return made


@pytest.mark.parametrize("kind", list(RunKind))
async def test_run_is_found_by_whom_it_belongs_to_alone(store: Store, kind: RunKind) -> None:
    made = await stored(store, ANN, kind)
    found = [await store.runs.find(owner, made.id) for owner in (ANN, BEN, STRANGER)]
    assert [one is not None for one in found] == [True, not KINDS[kind].answers, False]
    listed = [await store.runs.newest(owner, kind, (), None, 10) for owner in (ANN, BEN, STRANGER)]
    assert [bool(one) for one in listed] == [True, not KINDS[kind].answers, False]
    everything = [one.id for one in await store.runs.newest(ANN, None, (), None, 10)]
    assert everything == ([] if KINDS[kind].answers else [made.id])


async def test_two_users_have_a_chat_of_the_same_name_and_each_finds_the_own(store: Store) -> None:
    chats = [await stored(store, owner, client_id="tea") for owner in (ANN, BEN, STRANGER)]
    assert [await store.runs.find(owner, "tea") for owner in (ANN, BEN, STRANGER)] == chats
    with pytest.raises(Taken):
        await stored(store, ANN, client_id="tea")


async def test_name_of_what_is_played_is_taken_once_a_tenant_and_stands_beside_chats(store: Store) -> None:
    await stored(store, ANN, client_id="tea")
    battle = await stored(store, BEN, RunKind.BATTLE, client_id="tea")
    assert await store.runs.find(BEN, "tea") == battle
    found = await store.runs.find(ANN, "tea")
    assert found is not None
    assert found.kind is RunKind.CHAT
    for kind in (RunKind.BATTLE, RunKind.SCALE):
        with pytest.raises(Taken):
            await stored(store, ANN, kind, client_id="tea")


async def test_idempotency_key_is_its_users(store: Store) -> None:
    made = [await stored(store, owner, RunKind.BATTLE, idempotency_key="k") for owner in (ANN, BEN)]
    assert [await store.runs.find_by_key(owner, "k") for owner in (ANN, BEN, STRANGER)] == [*made, None]
    with pytest.raises(Taken):
        await stored(store, ANN, RunKind.SCALE, idempotency_key="k")


async def test_what_was_not_to_be_kept_until_now_is_there_for_nobody(store: Store) -> None:
    made = await stored(store, ANN, client_id="tea", expires_at=now())
    for name in (made.id, "tea"):
        assert await store.runs.find(ANN, name) is None
        assert await store.runs.find(ANN, name, forgotten=True) == made
    assert await store.runs.newest(ANN, RunKind.CHAT, (), None, 10) == []


async def test_lookups_of_an_owner_use_indexes(store: Store) -> None:
    """Also among many that are others'."""
    runs = store.collection("runs")
    for number in range(30):
        await stored(store, Owner("default", f"user-{number}"), client_id="tea")
    await stored(store, ANN, client_id="tea")
    await store.database.command("profile", 2)
    assert await store.runs.find(ANN, "tea") is not None
    assert await store.runs.find_by_key(ANN, "k") is None
    assert len(await store.runs.newest(ANN, RunKind.CHAT, (), None, 5)) == 1
    assert await store.runs.newest(ANN, None, (), None, 5) == []
    await store.database.command("profile", 0)
    profiled = await store.collection("system.profile").find({"ns": runs.full_name, "op": "query"}).to_list(None)
    assert len(profiled) >= 5
    assert max(one["docsExamined"] for one in profiled) <= 1
    assert not [one["planSummary"] for one in profiled if "COLLSCAN" in one["planSummary"]]


async def test_store_of_an_earlier_version_is_brought_up_to_date_and_its_runs_are_found(store: Store) -> None:
    runs = store.collection("runs")
    await runs.drop_indexes()
    for name, key in (("tenant_client_id", "client_id"), ("tenant_idempotency_key", "idempotency_key")):
        options = {"unique": True, "partialFilterExpression": {key: {"$type": "string"}}}
        await runs.create_indexes([IndexModel([("tenant", 1), (key, 1)], name=name, **options)])
    await runs.create_indexes([IndexModel([("tenant", 1), ("_id", -1)], name="tenant_newest")])
    chat = await stored(store, ANN, client_id="tea")
    battle = await stored(store, BEN, RunKind.BATTLE, client_id="mine", idempotency_key="k")
    with pytest.raises(Taken):
        await stored(store, BEN, client_id="tea")
    assert {f"dropped index {one}.{name}" for one, name in SUPERSEDED} <= set(await make_indexes(store.database))
    assert await make_indexes(store.database) == []
    assert await store.runs.find(ANN, "tea") == chat
    assert await store.runs.find(ANN, "mine") == await store.runs.find_by_key(BEN, "k") == battle
    await stored(store, BEN, client_id="tea")
