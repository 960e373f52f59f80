"""A turn through a real llm-runner: what stands where afterwards, whoever tried before."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from integration.llm_runner.world import World, names, turn, world
from shared.contracts import subjects
from shared.contracts.enums import EntryKind, Purpose, Side
from shared.contracts.events import AttemptStarted
from shared.contracts.identity import conversation_id, new_id
from shared.contracts.timestamps import now
from shared.messaging import history
from shared.run_endings import total_usage
from support.builders import JUDGE, ended, message, scenario
from support.eventually import eventually


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made:
        yield made


async def test_a_turn_is_stored_announced_and_acknowledged(engine: World) -> None:
    earlier, begun = await engine.begin(), await engine.begin()
    await engine.ask(turn(earlier))
    async with engine.runner():
        await engine.settled()
        # What was queued before the runner's time might have been tried: what comes now was not.
        await engine.ask(turn(begun))
        await engine.settled()
    (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    old, done = await engine.dones()
    _, call = await engine.calls_made()
    assert (entry.kind, entry.side, entry.attempt_number) == (EntryKind.MESSAGE, Side.OPPONENT, 1)
    assert await engine.types(begun.id) == ["attempt.started", "message"]
    assert "".join(names(await engine.deltas(begun.id), "text")) == entry.content
    assert (call["clientRequestId"], call["role"], call["outcome"]) == (entry.attempt, "opponent", "finished")
    # The message is the last of the run's facts.
    stands_at = await history.last_sequence(engine.client, subjects.RUN_EVENTS, subjects.events(begun.id))
    assert (done["first"], done["seq"], done["eventSequence"]) == (True, 1, stands_at)
    assert (old["first"], old["found"], done["found"]) == (False, False, False)
    assert done["transcriptUsage"]["promptTokens"] == call["promptTokens"] == entry.usage.prompt_tokens


async def test_a_judge_stores_a_checked_judgement_without_deltas(engine: World) -> None:
    begun = await engine.begin(scenario(judge=JUDGE))
    conversation = conversation_id(begun.id, 1)
    await engine.store.entries.insert(message(conversation, 1, "I want a refund for order 48213."))
    await engine.store.entries.insert(message(conversation, 2, "The sale is confirmed."))
    await engine.ask(turn(begun, 2, purpose=Purpose.JUDGE, stage="fast", side=None))
    async with engine.runner():
        await engine.settled()
    (stored,) = await engine.store.generations.of_run(begun.id)
    (done,) = await engine.dones()
    assert stored.id == f"{conversation}:2:judge:fast"
    assert stored.judgement is not None
    assert done["judgement"]["status"] == stored.judgement.status
    assert await engine.deltas(begun.id) == []
    assert await engine.types(begun.id) == ["attempt.started"]


async def test_a_report_is_prompted_by_its_job(engine: World) -> None:
    begun = await engine.begin()
    prompt = ({"role": "system", "content": "You condense the transcript of a conversation."},)
    job = turn(begun, 0, conversation_id=None, purpose=Purpose.REPORT, side=None, prompt=prompt)
    await engine.ask(job.model_copy(update={"done_subject": "llm.done.summarizer"}))
    async with engine.runner():
        await engine.settled()
    stored = await engine.store.generations.get(f"{begun.id}:0:report")
    assert stored is not None
    assert stored.content
    assert names(await engine.dones("llm.done.summarizer"), "purpose") == ["report"]


async def test_a_stored_result_is_announced_again_without_a_call(engine: World) -> None:
    begun = await engine.begin()
    await engine.store.entries.insert(message(conversation_id(begun.id, 1), 1, attempt="a1"))
    await engine.ask(turn(begun, 1, repeat=True))
    async with engine.runner():
        await engine.settled()
    (done,) = await engine.dones()
    assert await engine.types(begun.id) == ["message"]
    assert (done["first"], done["found"], done["transcriptUsage"]["promptTokens"]) == (False, True, 10)
    assert await engine.calls_made() == []


async def test_a_crashed_holders_attempt_is_booked_as_an_estimate(engine: World) -> None:
    begun = await engine.begin()
    crashed = AttemptStarted(
        run_id=begun.id,
        at=now(),
        conversation_id=conversation_id(begun.id, 1),
        seq=1,
        side=Side.OPPONENT,
        purpose=Purpose.TURN,
        attempt=new_id(),
        attempt_number=1,
        provider="demo",
        model="demo-fast",
    )
    await engine.publisher.event(crashed)
    await engine.ask(turn(begun, 1, repeat=True))
    async with engine.runner():
        await engine.settled()
    (row,) = await engine.store.usage.of_run(begun.id)
    (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    assert (row.id, row.outcome, row.estimated) == (crashed.attempt, "lost", True)
    assert row.usage.completion_tokens == 200
    assert entry.attempt_number == 2


async def test_a_job_after_the_end_is_done_without_a_call(engine: World) -> None:
    begun = await engine.begin()
    await engine.store.entries.insert(ended(conversation_id(begun.id, 1), 1))
    await engine.ask(turn(begun))
    async with engine.runner():
        await engine.settled()
    (done,) = await engine.dones()
    assert done["transcriptUsage"] is None
    assert await engine.calls_made() == []


async def test_two_runners_leave_one_message_and_the_losers_cost_is_booked(engine: World) -> None:
    begun = await engine.begin()
    await engine.model.control(totalSeconds=0.5)
    # Two messages of one generation, as a sweep makes them beyond the duplicate window: they are told apart by `hop`.
    await engine.ask(turn(begun))
    await engine.ask(turn(begun, hop=1))
    async with engine.runner(), engine.runner():
        await engine.settled()
    entries = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    rows = {row.id: row for row in await engine.store.usage.of_run(begun.id)}
    calls = {call["clientRequestId"]: call for call in await engine.calls_made()}
    (loser,) = calls.keys() - {entries[0].attempt}
    assert len(entries) == 1
    assert (len(calls), rows[loser].outcome, rows[loser].estimated) == (2, "beaten", False)
    total = total_usage(entries, [], list(rows.values()))
    assert total.completion_tokens == sum(call["completionTokens"] for call in calls.values())
    assert (await engine.types(begun.id)).count("message") == 1
    assert len(await engine.dones()) == 1


async def test_a_hole_in_the_transcript_is_waited_for(engine: World) -> None:
    begun = await engine.begin()
    conversation = conversation_id(begun.id, 1)
    await engine.ask(turn(begun, 2))
    async with engine.runner():
        await eventually(lambda: _delivered_twice(engine))
        assert await engine.calls_made() == []
        await engine.store.entries.insert(message(conversation, 1))
        await engine.settled()
    assert [entry.seq for entry in await engine.store.entries.transcript(conversation)] == [1, 2]


async def _delivered_twice(engine: World) -> bool:
    info = await engine.client.jetstream().consumer_info("WORK", "llm-demo-batch")
    return bool(info.delivered and info.delivered.consumer_seq >= 2)


async def test_many_jobs_never_exceed_the_slots(engine: World) -> None:
    engine.slots = engine.slots.model_copy(update={"runner_batch_slots": 3})
    await engine.model.control(totalSeconds=0.1)
    for _ in range(12):
        await engine.ask(turn(await engine.begin()))
    async with engine.runner():
        await engine.settled()
    ledger = await engine.model.ledger()
    assert (len(ledger["calls"]), ledger["maxInFlight"]) == (12, 3)


async def test_a_stopping_runner_hands_its_jobs_over(engine: World) -> None:
    begun = await engine.begin()
    engine.slots = engine.slots.model_copy(update={"runner_stop_seconds": 0.1})
    await engine.model.control(totalSeconds=30)
    await engine.ask(turn(begun))
    async with engine.runner():
        await eventually(lambda: _in_flight(engine))
    (row,) = await engine.store.usage.of_run(begun.id)
    assert (row.outcome, row.estimated) == ("lost", True)
    await engine.model.control(totalSeconds=0)
    async with engine.runner(), asyncio.timeout(3):
        await engine.settled()
    (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    assert entry.attempt_number == 2


async def _in_flight(engine: World) -> bool:
    return bool((await engine.model.ledger())["inFlight"])
