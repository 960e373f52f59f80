"""The checkers see what they are there to see: a played run is spoilt in one way each."""

from collections.abc import Awaitable, Callable

import pytest

from invariants import Witness, assert_all, assert_calls_bounded
from shared.contracts import subjects
from shared.contracts.enums import Lane
from shared.contracts.runs import Run
from support.builders import ended, message, run
from support.workers.orchestrator import Orchestrator


async def adds_a_message_after_the_end(spoilt: Orchestrator, of: Run) -> None:
    await spoilt.store.entries.insert(message(f"{of.id}-1", 6))


async def adds_a_second_end(spoilt: Orchestrator, of: Run) -> None:
    await spoilt.store.entries.insert(ended(f"{of.id}-2", 6))


async def leaves_a_hole(spoilt: Orchestrator, of: Run) -> None:
    await spoilt.store.collection("entries").delete_one({"conversation_id": f"{of.id}-1", "seq": 2})


async def gives_two_messages_one_attempt(spoilt: Orchestrator, of: Run) -> None:
    entries = spoilt.store.collection("entries")
    await entries.update_many({"conversation_id": f"{of.id}-1", "kind": "message"}, {"$set": {"attempt": "same"}})


async def repeats_a_fact(spoilt: Orchestrator, of: Run) -> None:
    first = (await spoilt.events(of))[0]
    stream = spoilt.client.jetstream()
    stored = await stream.get_msg(subjects.RUN_EVENTS, first.sequence)
    await stream.publish(subjects.events(of.id), stored.data or b"")


async def changes_what_was_told(spoilt: Orchestrator, of: Run) -> None:
    entries = spoilt.store.collection("entries")
    await entries.update_one({"conversation_id": f"{of.id}-1", "seq": 2}, {"$set": {"content": "otherwise"}})


async def forgets_a_fact(spoilt: Orchestrator, of: Run) -> None:
    told = next(event for event in await spoilt.events(of) if event.type == "message")
    await spoilt.client.jetstream().delete_msg(subjects.RUN_EVENTS, told.sequence)


async def books_too_much(spoilt: Orchestrator, of: Run) -> None:
    await spoilt.store.collection("runs").update_one({"_id": of.id}, {"$inc": {"usage.cost_nanos": 1}})


async def leaves_a_slot_open(spoilt: Orchestrator, of: Run) -> None:
    slot = {"seq": 1, "estimate": 0, "open": True}
    await spoilt.store.collection("runs").update_one({"_id": of.id}, {"$set": {"slots.c1.turn": slot}})


async def leaves_a_job(spoilt: Orchestrator, of: Run) -> None:
    headers = {"Aw-Run-Id": of.id}
    await spoilt.client.jetstream().publish(subjects.jobs("demo", Lane.BATCH), b"{}", headers=headers)


@pytest.mark.parametrize(
    ("spoils", "invariant"),
    [
        (adds_a_message_after_the_end, "E2"),
        (adds_a_second_end, "E2"),
        (leaves_a_hole, "E2"),
        (gives_two_messages_one_attempt, "E3"),
        (repeats_a_fact, "E7"),
        (changes_what_was_told, "E7"),
        (forgets_a_fact, "E7"),
        (books_too_much, "E8"),
        (leaves_a_slot_open, "E9"),
        (leaves_a_job, "E9"),
    ],
)
async def test_broken_invariant_is_named(
    orchestrator: Orchestrator, spoils: Callable[[Orchestrator, Run], Awaitable[None]], invariant: str
) -> None:
    of = await orchestrator.played(run(total=2))
    await spoils(orchestrator, of)
    with pytest.raises(AssertionError, match=f"^{invariant}: "):
        await assert_all(Witness(orchestrator.store, orchestrator.client), of.id)


def test_calls_are_bounded_by_what_touched_them() -> None:
    assert_calls_bounded({"r-1:1:turn": 1, "r-1:2:turn": 2}, {"r-1:2:turn": 1})
    with pytest.raises(AssertionError, match="E4: "):
        assert_calls_bounded({"r-1:1:turn": 2})
