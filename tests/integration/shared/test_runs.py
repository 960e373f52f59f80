"""The repository of runs on a real mongod: keys, control, status."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.contracts.enums import RunStatus, Wanted
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.errors import StoreUnavailable, Taken
from shared.settings import MongoSettings
from shared.storage import Store
from shared.storage.accounts import AccountChange, Reserve, Settle
from shared.storage.driver import Collection
from shared.storage.runs import Runs
from support.builders import ANYBODY, run

START = now()


class Counted:
    """A collection that counts what is read of it."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.queries = 0

    def __getattr__(self, name: str) -> Any:
        self.queries += name in ("find", "find_one")
        return getattr(self._collection, name)


async def stored(store: Store, **fields: object) -> Run:
    made = run(**fields)  # type: ignore[arg-type]
    await store.runs.insert(made)
    return made


async def wanted(store: Store, of: Run, what: Wanted, version: int, seconds: float = 0.0) -> Run | None:
    return await store.runs.set_wanted(ANYBODY, of.id, what, version, START + timedelta(seconds=seconds))


async def test_run_comes_back_as_it_was_stored(store: Store) -> None:
    made = await stored(store, total=3)
    assert await store.runs.get(made.id) == made


@pytest.mark.parametrize("key", ["client_id", "idempotency_key"])
async def test_key_of_a_client_is_taken_once_per_owner(store: Store, key: str) -> None:
    made = await stored(store, **{key: "mine"})
    await stored(store, tenant="other", **{key: "mine"})
    with pytest.raises(Taken):
        await store.runs.insert(run(**{key: "mine"}))  # type: ignore[arg-type]
    find = store.runs.find if key == "client_id" else store.runs.find_by_key
    assert await find(ANYBODY, "mine") == made


async def test_runs_without_client_keys_do_not_meet(store: Store) -> None:
    assert await stored(store) != await stored(store)


async def test_other_tenant_finds_nothing(store: Store) -> None:
    made = await stored(store)
    assert await store.runs.find(Owner("other", made.user), made.id) is None
    assert await store.runs.set_wanted(Owner("other", made.user), made.id, Wanted.CANCEL, 1, START) is None


async def test_many_who_ask_for_runs_at_once_share_the_queries(store: Store) -> None:
    made = [await stored(store) for _ in range(20)]
    counted = Counted(store.collection("runs"))
    runs = Runs(cast(Collection, counted))
    assert await asyncio.gather(*(runs.find(ANYBODY, one.id) for one in made)) == made
    assert counted.queries < len(made)  # neither a query a run, nor one for the settings of each


async def test_newest_runs_come_page_by_page(store: Store) -> None:
    made = [(await stored(store)).id for _ in range(3)]
    first = await store.runs.newest(ANYBODY, None, (), None, 2)
    rest = await store.runs.newest(ANYBODY, None, (), first[-1].id, 2)
    assert [one.id for one in (*first, *rest)] == made[::-1]


async def test_wanted_cancel_is_never_changed(store: Store) -> None:
    made = await stored(store)
    await wanted(store, made, Wanted.CANCEL, 1)
    assert [await wanted(store, made, what, 2) for what in Wanted] == [None, None, None]


async def test_control_changes_only_for_who_has_seen_its_version(store: Store) -> None:
    made = await stored(store)
    changed = await wanted(store, made, Wanted.PAUSE, 1)
    assert changed is not None
    assert (changed.control.version, changed.control.handled) == (2, 0)
    assert await wanted(store, made, Wanted.RUN, 1) is None


async def test_control_of_an_ended_run_stays(store: Store) -> None:
    made = await stored(store)
    await store.runs.finish(made.id, RunStatus.COMPLETE, now(), True)
    assert await wanted(store, made, Wanted.CANCEL, 1) is None


async def test_pauses_stop_the_clock_for_their_length(store: Store) -> None:
    made = await stored(store)
    await wanted(store, made, Wanted.PAUSE, 1, 10)
    await wanted(store, made, Wanted.PAUSE, 2, 40)
    await wanted(store, made, Wanted.RUN, 3, 100)
    await wanted(store, made, Wanted.RUN, 4, 500)
    await wanted(store, made, Wanted.PAUSE, 5, 600)
    after = await wanted(store, made, Wanted.CANCEL, 6, 607.5)
    assert after is not None
    assert after.paused_seconds == pytest.approx(97.5)
    assert after.due_at - made.deadline_at == timedelta(seconds=97.5)


async def test_run_is_shown_paused_only_when_no_slot_is_open_even_a_free_one(store: Store) -> None:
    made = await stored(store)
    await store.runs.account(made.id, AccountChange(1, (Reserve("turn", 1, 0),)))
    await wanted(store, made, Wanted.PAUSE, 1)
    assert not await store.runs.mark_paused(made.id, 2)
    await store.runs.account(made.id, AccountChange(1, (Settle("turn", 1),)))
    assert not await store.runs.mark_paused(made.id, 1)
    assert await store.runs.mark_paused(made.id, 2)
    assert not await store.runs.mark_paused(made.id, 2)
    resumed = await wanted(store, made, Wanted.RUN, 2)
    assert resumed is not None
    assert resumed.status is RunStatus.RUNNING


async def test_handled_version_only_rises(store: Store) -> None:
    made = await stored(store)
    for version in (3, 2):
        await store.runs.handled(made.id, version)
    control = await store.runs.control(made.id)
    assert control is not None
    assert control.handled == 3


async def test_run_starts_once_and_ends_once(store: Store) -> None:
    made, moment = await stored(store), now()
    for minutes in (0, 1):
        later = moment + timedelta(minutes=minutes)
        await store.runs.start(made.id, later, later)
    for status in (RunStatus.CANCELED, RunStatus.COMPLETE):
        ended = await store.runs.finish(made.id, status, moment, True)
    assert ended is not None
    assert (ended.started_at, ended.deadline_at, ended.status) == (moment, moment, RunStatus.CANCELED)
    assert await store.runs.unfinished(10) == []


async def test_store_that_is_away_says_so_within_its_time() -> None:
    away = Store(MongoSettings(mongo_url="mongodb://127.0.0.1:1/?replicaSet=rs0", store_timeout_seconds=0.2))
    with pytest.raises(StoreUnavailable, match="the store did not answer"):
        await away.runs.get("anything")
    away.close()
