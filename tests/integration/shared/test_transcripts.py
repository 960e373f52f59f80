"""Entries, conversations, generations, usage rows and agents on a real mongod."""

import asyncio
from datetime import timedelta

import pytest

from shared.contracts.agents import Agent
from shared.contracts.enums import EndedReason, Purpose, Stage
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Usage
from shared.errors import Taken
from shared.storage import Store
from support import builders
from support.builders import conversation, ended, message, run, usage_row
from support.servers import another_store

PLACE = "01run-1"


async def insert(store: Store, *entries: Entry) -> list[BaseException | None]:
    return await asyncio.gather(*(store.entries.insert(entry) for entry in entries), return_exceptions=True)


async def test_seq_that_is_taken_is_lost_and_what_stands_there_stays(store: Store) -> None:
    first = message(PLACE, 1, "first")
    await store.entries.insert(first)
    with pytest.raises(Taken, match="01run-1:1 is taken"):
        await store.entries.insert(ended(PLACE, 1))
    assert await store.entries.at(PLACE, 1) == first


async def test_transcript_is_in_order_however_it_was_stored(store: Store) -> None:
    await insert(store, *(message(PLACE, seq) for seq in (3, 1, 2)), ended(PLACE, 4), message("01run-2", 1))
    assert [entry.seq for entry in await store.entries.transcript(PLACE)] == [1, 2, 3, 4]
    heads = await store.entries.heads(PLACE)
    assert [(entry.seq, entry.content) for entry in heads] == [(1, None), (2, None), (3, None), (4, None)]


async def test_transcripts_read_together_are_not_mixed_up(store: Store) -> None:
    places = [f"01run-{index}" for index in range(1, 21)]
    await insert(store, *(message(place, 1, place) for place in places))
    read = await asyncio.gather(*(store.entries.transcript(place) for place in [*places, "nobody", *places]))
    assert [entries[0].content if entries else None for entries in read] == [*places, None, *places]


async def test_nothing_is_read_where_all_below_a_proven_entry_is_known(store: Store, mongo_url: str) -> None:
    """Seen by what somebody else deletes meanwhile: no reader of a real transcript ever meets that."""
    entries = [message(PLACE, seq) for seq in range(1, 5)]
    await insert(store, *entries[:3])
    assert await store.entries.transcript(PLACE) == entries[:3]
    other = another_store(store, mongo_url)
    await other.entries.delete(PLACE)
    assert await store.entries.transcript(PLACE, entries[3]) == entries
    assert await other.entries.transcript(PLACE, entries[3]) == []
    await store.entries.delete(PLACE)
    assert await store.entries.transcript(PLACE, entries[3]) == []
    other.close()


async def test_of_two_processes_that_insert_the_same_entries_exactly_one_wins_each(
    store: Store, mongo_url: str
) -> None:
    other = another_store(store, mongo_url)
    mine, theirs = ([message(PLACE, seq, who) for seq in range(1, 41)] for who in ("mine", "theirs"))
    lost_mine, lost_theirs = await asyncio.gather(insert(store, *mine), insert(other, *theirs))
    other.close()
    standing = [entry.content for entry in await store.entries.transcript(PLACE)]
    expected = ["theirs" if isinstance(lost, Taken) else "mine" for lost in lost_mine]
    assert standing == expected
    assert [isinstance(lost, Taken) for lost in lost_theirs] == [who == "mine" for who in standing]


async def test_messages_are_paged_without_the_end(store: Store) -> None:
    entries = [message(PLACE, seq, created_at=now() + timedelta(seconds=seq)) for seq in range(1, 6)]
    await insert(store, *entries, ended(PLACE, 6))
    assert await store.entries.after(PLACE, 1, 2) == entries[1:3]
    assert await store.entries.since(PLACE, entries[2].created_at, 9) == entries[3:]
    assert await store.entries.page(PLACE, 4, 2) == (entries[4:], 5)
    activity = await store.entries.last_activity([PLACE, "nobody"])
    assert activity == {PLACE: entries[4].created_at}


async def test_conversation_begins_once_and_repeated_totals_are_the_same(store: Store) -> None:
    of = run(total=2)
    begun = [conversation(of, index) for index in (1, 2)]
    for one in begun:
        await store.conversations.insert(one)
    with pytest.raises(Taken):
        await store.conversations.insert(begun[0])
    assert await store.conversations.begun(of.id) == {1, 2}
    for _ in range(2):
        await store.conversations.set_totals(
            begun[0].id,
            reason=EndedReason.GOAL,
            goal_reached=True,
            decided_by=4,
            messages=5,
            usage=Usage(cost_nanos=7),
            ended_at=now(),
        )
    assert [one.index for one in await store.conversations.unended([of.id])] == [2]
    assert (await store.conversations.of_run(of.id))[0].usage.cost_nanos == 7


def generation(attempt: str) -> Generation:
    return builders.generation(PLACE, 2, Purpose.JUDGE, Stage.FAST, run_id="01run", content="{}", attempt=attempt)


async def test_generation_has_one_result_for_ever(store: Store) -> None:
    await store.generations.insert(generation("first"))
    with pytest.raises(Taken):
        await store.generations.insert(generation("second"))
    assert [one.attempt for one in await store.generations.of_run("01run")] == ["first"]


def row(cost: int, estimated: bool) -> UsageRow:
    booked = {"usage": Usage(cost_nanos=cost), "estimated": estimated, "conversation_id": PLACE}
    return usage_row("01run", f"{PLACE}:1:turn", Purpose.TURN, id="attempt", outcome="lost", **booked)


@pytest.mark.parametrize("order", [(True, False), (False, True), (True, False, True)])
async def test_real_figures_stand_over_an_estimate_in_any_order(store: Store, order: tuple[bool, ...]) -> None:
    for estimated in order:
        await store.usage.insert(row(99 if estimated else 5, estimated))
    (booked,) = await store.usage.of_conversation(PLACE)
    assert (booked.usage.cost_nanos, booked.estimated) == (5, False)


def agent(version: int = 1, prompt: str = "sell") -> Agent:
    return Agent(
        id="a1",
        tenant="default",
        version=version,
        name="seller",
        system_prompt=prompt,
        created_at=now(),
        updated_at=now(),
    )


async def test_change_of_an_agent_makes_a_version_and_keeps_the_old_ones(store: Store) -> None:
    await store.agents.insert(agent())
    assert await store.agents.replace(agent(2, "sell more"))
    current, first = await store.agents.get("default", "a1"), await store.agents.get("default", "a1", 1)
    assert current is not None
    assert first is not None
    assert (current.system_prompt, first.system_prompt, first.id) == ("sell more", "sell", "a1")
    assert [one.version for one in await store.agents.versions("default", "a1")] == [2, 1]


async def test_of_two_changes_of_the_same_version_one_comes_first(store: Store) -> None:
    await store.agents.insert(agent())
    changes = await asyncio.gather(*(store.agents.replace(agent(2, prompt)) for prompt in ("one", "two")))
    assert sorted(changes) == [False, True]


async def test_archived_agent_is_hidden_and_its_versions_stay(store: Store) -> None:
    await store.agents.insert(agent())
    assert await store.agents.archive("default", "a1")
    assert not await store.agents.archive("default", "a1")
    assert not await store.agents.replace(agent(2))
    assert await store.agents.get("default", "a1") is None
    assert await store.agents.newest("default", None, 10) == []
    assert await store.agents.get("default", "a1", 1) is not None
