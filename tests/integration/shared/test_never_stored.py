"""What the store can never hold, on a real mongod: it is no store that is away, and fails for nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.contracts.bounds import LARGEST_DEPTH, LARGEST_DOCUMENT_BYTES
from shared.contracts.enums import EndedReason, Purpose
from shared.contracts.generations import Generation
from shared.contracts.runs import Outcome
from shared.contracts.timestamps import now
from shared.errors import NotStorable, StoreUnavailable, Taken
from shared.settings import MongoSettings
from shared.storage import Store
from shared.storage.driver import document_bytes, mapped_errors
from support.builders import message, run

PLACE = "01run-1"
TRIES = 25
LARGE = "x" * 17_000_000
NEARLY = "x" * (16 * 1024 * 1024 - 200)
"""What the driver still sends, and the server refuses."""


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


NEVER: dict[str, dict[str, Any]] = {
    "a large text": {"content": LARGE},
    "a text a little too large": {"content": NEARLY},
    "many small values": {"parts": ({"a": [[]] * 1_300_000},)},
    "deeper than a document": {"parts": (nested(185),)},
    "deeper than a command": {"parts": (nested(250),)},
    "deeper than the driver writes": {"parts": (nested(900),)},
    "half a character": {"parts": ({"a": "\ud800"},)},
    "half a character as a name": {"parts": ({"\ud800": 1},)},
    "a name with NUL": {"parts": ({"a\0": 1},)},
    "a large number": {"parts": ({"a": 2**64},)},
}


@pytest.mark.parametrize("held", NEVER.values(), ids=NEVER.keys())
async def test_what_can_never_be_stored_is_said_to_be_so(store: Store, held: dict[str, Any]) -> None:
    bad = message(PLACE, 1).model_copy(update=held)
    with pytest.raises(NotStorable) as refused:
        await store.entries.insert(bad)
    assert "xxx" not in str(refused.value)
    with pytest.raises(NotStorable):
        await store.entries.insert_in_order([bad, message(PLACE, 2)])
    assert await store.entries.transcript(PLACE) == []


@pytest.mark.parametrize("held", NEVER.values(), ids=NEVER.keys())
async def test_those_who_share_its_write_are_stored(store: Store, held: dict[str, Any]) -> None:
    """Two inserts go alone at once; those after them wait and share one."""
    entries = [message(f"01run-{index}", 1) for index in range(1, 9)]
    entries[5] = entries[5].model_copy(update=held)
    taken = message("01run-1", 1)
    outcomes = await asyncio.gather(*(store.entries.insert(one) for one in [*entries, taken]), return_exceptions=True)
    assert [type(one) for one in outcomes] == [type(None)] * 5 + [NotStorable] + [type(None)] * 2 + [Taken]
    stored = await store.entries.of_conversations([entry.conversation_id for entry in entries])
    assert [len(stored[entry.conversation_id]) for entry in entries] == [1, 1, 1, 1, 1, 0, 1, 1]


async def test_a_document_that_outgrows_the_store_is_no_store_that_is_away(store: Store) -> None:
    begun = run()
    await store.runs.insert(begun)
    size = document_bytes(await store.collection("runs").find_one({"_id": begun.id}) or {})
    ballast = "x" * (16 * 1024 * 1024 - size - 50)
    await _patiently(lambda: _add(store, begun.id, ballast))
    outcome = Outcome(ended_reason=EndedReason.LIMIT, goal_reached=None)
    with pytest.raises(NotStorable):
        await _patiently(lambda: store.runs.count(begun.id, 1, failed=False, outcome=outcome))


async def _add(store: Store, run_id: str, ballast: str) -> None:
    with mapped_errors():
        await store.collection("runs").update_one({"_id": run_id}, {"$set": {"ballast": ballast}})


async def _patiently(ask: Callable[[], Awaitable[object]]) -> None:
    """A store with a small cache that is busy may have no room for so large a write, for a moment."""
    for _ in range(TRIES):
        try:
            await ask()
        except StoreUnavailable:
            await asyncio.sleep(0.2)
        else:
            return
    raise TimeoutError("the store had no room for the write")


async def test_other_repositories_say_so_too(store: Store) -> None:
    text = Generation(id="g", run_id="r", tenant="t", purpose=Purpose.JUDGE, created_at=now(), content=LARGE)
    with pytest.raises(NotStorable):
        await store.generations.insert(text)
    odd = run()
    with pytest.raises(NotStorable):
        await store.runs.insert(odd.model_copy(update={"tenant": "\ud800"}))
    # Asked for together with others: theirs are found.
    known = run()
    await store.runs.insert(known)
    asked = ["\ud800", known.id, "nobody", "\udfff"]
    found = await asyncio.gather(*(store.runs.find(known.owner, one) for one in asked), return_exceptions=True)
    assert [type(one).__name__ for one in found] == ["NotStorable", "Run", "NoneType", "NotStorable"]


async def test_what_is_measured_is_what_is_stored(store: Store) -> None:
    entry = message(PLACE, 1, "x" * 1000, parts=({"a": [1] * 1000},))
    await store.entries.insert(entry)
    (sized,) = await store.collection("entries").aggregate([{"$project": {"size": {"$bsonSize": "$$ROOT"}}}]).to_list(1)
    # The server's has its own `_id`.
    assert 0 < sized["size"] - document_bytes(entry) < 30
    with pytest.raises(NotStorable):
        document_bytes({"a": 2**64})
    assert document_bytes({"a": "x" * LARGEST_DOCUMENT_BYTES}) > LARGEST_DOCUMENT_BYTES
    await store.entries.insert(message(PLACE, 2, parts=(nested(LARGEST_DEPTH),)))


async def test_a_store_that_is_away_is_still_away() -> None:
    away = Store(MongoSettings(mongo_url="mongodb://127.0.0.1:1", store_timeout_seconds=0.2))
    with pytest.raises(StoreUnavailable):
        await away.entries.insert(message(PLACE, 1))
    away.close()
