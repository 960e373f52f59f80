"""A turn through a real llm-runner: what stands where afterwards, whoever tried before."""

import asyncio

from shared.contracts import subjects
from shared.contracts.enums import EntryKind, Purpose, Side
from shared.contracts.events import AttemptStarted
from shared.contracts.identity import new_id
from shared.contracts.timestamps import now
from shared.messaging import history
from shared.run_endings import total_usage
from support.builders import JUDGE, ended, message, scenario, turn
from support.eventually import eventually
from support.workers.broker import fields
from support.workers.environment import WorkerEnvironment


async def test_a_turn_is_stored_announced_and_acknowledged(workers: WorkerEnvironment) -> None:
    earlier, begun = await workers.asked(), await workers.begin()
    async with workers.runner():
        await workers.broker.no_jobs()
        # What was queued before the runner's time might have been tried: what comes now was not.
        await workers.ask(turn(begun))
        await workers.broker.no_jobs()
    played = await workers.record(begun)
    entry = played.entry
    old, done = await workers.broker.dones()
    _, call = await workers.calls_made()
    assert old["runId"] == earlier.id
    assert (old["first"], old["found"], done["found"]) == (False, False, False)
    assert (entry.kind, entry.side, entry.attempt_number) == (EntryKind.MESSAGE, Side.OPPONENT, 1)
    assert played.types == ["attempt.started", "message"]
    assert played.text == entry.content
    assert (call["clientRequestId"], call["role"], call["outcome"]) == (entry.attempt, "opponent", "finished")
    # The message is the last of the run's facts.
    stands_at = await history.last_sequence(workers.client, subjects.RUN_EVENTS, subjects.events(played.run.id))
    assert (done["first"], done["seq"], done["eventSequence"]) == (True, 1, stands_at)
    assert done["transcriptUsage"]["promptTokens"] == call["promptTokens"] == entry.usage.prompt_tokens


async def test_a_judge_stores_a_checked_judgement_without_deltas(workers: WorkerEnvironment) -> None:
    begun = await workers.begin(scenario(judge=JUDGE))
    conversation = begun.conversation_id(1)
    await workers.store.entries.insert(message(conversation, 1, "I want a refund for order 48213."))
    await workers.store.entries.insert(message(conversation, 2, "The sale is confirmed."))
    await workers.ask(turn(begun, 2, purpose=Purpose.JUDGE, stage="fast", side=None))
    played = await workers.worked(begun)
    (stored,) = played.generations
    (done,) = await workers.broker.dones()
    assert stored.id == f"{conversation}:2:judge:fast"
    assert stored.judgement is not None
    assert done["judgement"]["status"] == stored.judgement.status
    assert (played.deltas, played.types) == ([], ["attempt.started"])


async def test_a_report_is_prompted_by_its_job(workers: WorkerEnvironment) -> None:
    prompt = ({"role": "system", "content": "You condense the transcript of a conversation."},)
    job = {"conversation_id": None, "side": None, "done_subject": "llm.done.summarizer", "prompt": prompt}
    played = await workers.played(0, purpose=Purpose.REPORT, **job)
    stored = await workers.store.generations.get(f"{played.run.id}:0:report")
    assert stored is not None
    assert stored.content
    assert fields(await workers.broker.dones("llm.done.summarizer"), "purpose") == ["report"]


async def test_a_stored_result_is_announced_again_without_a_call(workers: WorkerEnvironment) -> None:
    begun = await workers.begin()
    await workers.store.entries.insert(message(begun.conversation_id(1), 1, attempt="a1"))
    await workers.ask(turn(begun, 1, repeat=True))
    played = await workers.worked(begun)
    (done,) = await workers.broker.dones()
    assert played.types == ["message"]
    assert (done["first"], done["found"], done["transcriptUsage"]["promptTokens"]) == (False, True, 10)
    assert await workers.calls_made() == []


async def test_a_crashed_holders_attempt_is_booked_as_an_estimate(workers: WorkerEnvironment) -> None:
    begun = await workers.begin()
    job = turn(begun, 1, repeat=True)
    told = job.model_dump(include={"run_id", "conversation_id", "seq", "side", "purpose", "provider", "model"})
    crashed = AttemptStarted(at=now(), attempt=new_id(), attempt_number=1, **told)
    await workers.publisher.event(crashed)
    await workers.ask(job)
    played = await workers.worked(begun)
    assert (played.row.id, played.row.outcome, played.row.estimated) == (crashed.attempt, "lost", True)
    assert played.row.usage.completion_tokens == 200
    assert played.entry.attempt_number == 2


async def test_a_job_after_the_end_is_done_without_a_call(workers: WorkerEnvironment) -> None:
    begun = await workers.begin()
    await workers.store.entries.insert(ended(begun.conversation_id(1), 1))
    await workers.ask(turn(begun))
    await workers.worked(begun)
    (done,) = await workers.broker.dones()
    assert done["transcriptUsage"] is None
    assert await workers.calls_made() == []


async def test_two_runners_leave_one_message_and_the_losers_cost_is_booked(workers: WorkerEnvironment) -> None:
    await workers.model.control(totalSeconds=0.5)
    # Two messages of one generation, as a sweep makes them beyond the duplicate window: they are told apart by `hop`.
    begun = await workers.asked()
    await workers.ask(turn(begun, hop=1))
    async with workers.runner():
        played = await workers.worked(begun)
    rows = {row.id: row for row in played.rows}
    calls = {call["clientRequestId"]: call for call in await workers.calls_made()}
    (loser,) = calls.keys() - {played.entry.attempt}
    assert (len(calls), rows[loser].outcome, rows[loser].estimated) == (2, "beaten", False)
    total = total_usage(played.entries, [], played.rows)
    assert total.completion_tokens == sum(call["completionTokens"] for call in calls.values())
    assert played.types.count("message") == 1
    assert len(await workers.broker.dones()) == 1


async def test_a_hole_in_the_transcript_is_waited_for(workers: WorkerEnvironment) -> None:
    begun = await workers.asked(2)

    async def delivered_twice() -> bool:
        info = await workers.client.jetstream().consumer_info("WORK", "llm-demo-batch")
        return bool(info.delivered and info.delivered.consumer_seq >= 2)

    async with workers.runner():
        await eventually(delivered_twice)
        assert await workers.calls_made() == []
        await workers.store.entries.insert(message(begun.conversation_id(1), 1))
        await workers.broker.no_jobs()
    assert [entry.seq for entry in (await workers.record(begun)).entries] == [1, 2]


async def test_many_jobs_never_exceed_the_slots(workers: WorkerEnvironment) -> None:
    workers.slots = workers.slots.model_copy(update={"runner_batch_slots": 3})
    await workers.model.control(totalSeconds=0.1)
    for _ in range(11):
        await workers.asked()
    await workers.played()
    ledger = await workers.model.ledger()
    assert (len(ledger["calls"]), ledger["maxInFlight"]) == (12, 3)


async def test_a_stopping_runner_hands_its_jobs_over(workers: WorkerEnvironment) -> None:
    workers.slots = workers.slots.model_copy(update={"runner_stop_seconds": 0.1})
    await workers.model.control(totalSeconds=30)
    begun = await workers.asked()
    async with workers.runner():
        await eventually(workers.in_flight)
    row = (await workers.record(begun)).row
    assert (row.outcome, row.estimated) == ("lost", True)
    await workers.model.control(totalSeconds=0)
    async with asyncio.timeout(3):
        played = await workers.worked(begun)
    assert played.entry.attempt_number == 2
