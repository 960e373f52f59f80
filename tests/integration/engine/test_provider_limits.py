"""A provider's concurrency is exact over replicas, and changes live: the demo model's ledger is the witness."""

import asyncio
import time
from datetime import timedelta
from itertools import accumulate
from typing import Any

import pytest

from shared.contracts import subjects
from shared.contracts.enums import Lane, Purpose, Side
from shared.contracts.runs import Run
from support.builders import OPPONENT, message, scenario, turn
from support.eventually import eventually
from support.workers.environment import WorkerEnvironment

CALL_SECONDS = 0.25


@pytest.fixture(autouse=True)
async def slow(workers: WorkerEnvironment) -> None:
    await workers.model.control(totalSeconds=CALL_SECONDS)


async def limit(workers: WorkerEnvironment, concurrency: int, live: int = 1) -> None:
    await workers.change_demo(concurrency=concurrency, live_concurrency=live)


def most_at_once(calls: list[dict[str, Any]]) -> int:
    """How many of a ledger's calls were in flight at one moment at most."""
    moments = [(call["startedAt"], 1) for call in calls] + [(call["endedAt"], -1) for call in calls]
    return max(accumulate(change for _, change in sorted(moments)))


async def ask(workers: WorkerEnvironment, count: int) -> None:
    """So many turns, each of a run of its own."""
    for _ in range(count):
        await workers.asked()


async def ask_live(workers: WorkerEnvironment, count: int) -> None:
    """So many answers that people wait for."""
    for _ in range(count):
        begun = await workers.begin()
        await workers.store.entries.insert(message(begun.conversation_id(1), 1))
        await workers.ask(turn(begun, 2, purpose=Purpose.ASSIST, side=Side.AGENT))


async def calls_of(workers: WorkerEnvironment, count: int) -> list[dict[str, Any]]:
    """The next calls of the ledger, so many of them, once all jobs are done."""
    before = (await workers.model.ledger())["next"]
    await ask(workers, count)
    await workers.broker.no_jobs()
    await workers.calls_made()
    calls: list[dict[str, Any]] = (await workers.model.ledger(before))["calls"]
    assert len(calls) == count
    return calls


async def test_two_runners_together_reach_the_limit_and_never_exceed_it(workers: WorkerEnvironment) -> None:
    await limit(workers, 6, live=2)
    async with workers.runner(), workers.runner():
        await asyncio.gather(ask(workers, 24), ask_live(workers, 8))
        await workers.broker.no_jobs()
    calls = await workers.calls_made()
    turns = [call for call in calls if call["role"] == "opponent"]
    answers = [call for call in calls if call["role"] != "opponent"]
    assert (len(turns), len(answers)) == (24, 8)
    assert (most_at_once(turns), most_at_once(answers)) == (4, 2)
    assert (await workers.model.ledger())["maxInFlight"] == 6


async def test_the_limit_is_changed_live_in_both_directions(workers: WorkerEnvironment) -> None:
    await limit(workers, 3)
    async with workers.runner(), workers.runner():
        assert most_at_once(await calls_of(workers, 8)) == 2
        await limit(workers, 13)
        # Long enough for twelve to be asked for while the first is under way, on a busy machine too.
        await workers.model.control(totalSeconds=4 * CALL_SECONDS)
        assert most_at_once(await calls_of(workers, 30)) == 12
        await workers.model.control(totalSeconds=CALL_SECONDS)
        await limit(workers, 4)
        assert most_at_once(await calls_of(workers, 12)) == 3


async def test_a_raised_limit_serves_what_waits_at_once(workers: WorkerEnvironment) -> None:
    """Those who wait do not have to wait for the end of a call that was allowed before."""
    await limit(workers, 2)
    await workers.model.control(totalSeconds=4)
    async with workers.runner():
        await ask(workers, 6)
        await eventually(workers.in_flight)
        await limit(workers, 7)
        async with asyncio.timeout(2):
            await eventually(lambda: workers.in_flight(6))
        info = await workers.client.jetstream().consumer_info(subjects.WORK, subjects.lane_durable("demo", Lane.BATCH))
        assert info.num_ack_pending == 6
        await workers.broker.no_jobs()


async def test_a_long_retry_after_frees_its_slot_and_comes_at_its_time(workers: WorkerEnvironment) -> None:
    await limit(workers, 2)
    await workers.model.control(faults=[{"fault": "once-429", "rate": 1, "model": "demo-fast", "retryAfterSeconds": 7}])
    played = scenario().model_copy(update={"opponent": OPPONENT.model_copy(update={"model": "demo-standard"})})
    refused, other = await workers.begin(), await workers.begin(played)

    async def scheduled() -> bool:
        return any(refused.id in subject for subject in await workers.broker.later())

    async def spoken(of: Run) -> bool:
        return bool((await workers.record(of)).entries)

    async with workers.runner():
        await workers.ask(turn(refused))
        await eventually(scheduled)
        asked = time.monotonic()
        await workers.ask(turn(other, model="demo-standard"))
        await eventually(lambda: spoken(other))
        assert time.monotonic() - asked < 2
        assert not await spoken(refused)
        await workers.broker.no_jobs()
    record = await workers.record(refused)
    waited = record.entry.created_at - record.row.created_at
    assert record.entry.attempt_number == 2
    assert timedelta(seconds=6.5) < waited < timedelta(seconds=10)
