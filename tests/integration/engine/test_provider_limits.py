"""A provider's concurrency is exact over replicas, and changes live: the demo model's ledger is the witness."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from integration.engine.world import limit, most_at_once
from integration.llm_runner.world import World, turn, world
from shared.contracts import subjects
from shared.contracts.enums import Lane, Purpose, Side
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from support.builders import OPPONENT, message, scenario
from support.eventually import eventually

CALL_SECONDS = 0.25


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made:
        await made.model.control(totalSeconds=CALL_SECONDS)
        yield made


async def ask(engine: World, count: int) -> None:
    """So many turns, each of a run of its own."""
    for _ in range(count):
        await engine.ask(turn(await engine.begin()))


async def ask_live(engine: World, count: int) -> None:
    """So many answers that people wait for."""
    for _ in range(count):
        begun = await engine.begin()
        await engine.store.entries.insert(message(conversation_id(begun.id, 1), 1))
        await engine.ask(turn(begun, 2, purpose=Purpose.ASSIST, side=Side.AGENT))


async def calls_of(engine: World, count: int) -> list[dict[str, Any]]:
    """The next calls of the ledger, so many of them, once all jobs are done."""
    before = (await engine.model.ledger())["next"]
    await ask(engine, count)
    await engine.settled()
    await engine.calls_made()
    calls: list[dict[str, Any]] = (await engine.model.ledger(before))["calls"]
    assert len(calls) == count
    return calls


async def test_two_runners_together_reach_the_limit_and_never_exceed_it(engine: World) -> None:
    await limit(engine, 6, live=2)
    async with engine.runner(), engine.runner():
        await asyncio.gather(ask(engine, 24), ask_live(engine, 8))
        await engine.settled()
    calls = await engine.calls_made()
    turns = [call for call in calls if call["role"] == "opponent"]
    answers = [call for call in calls if call["role"] != "opponent"]
    assert (len(turns), len(answers)) == (24, 8)
    assert (most_at_once(turns), most_at_once(answers)) == (4, 2)
    assert (await engine.model.ledger())["maxInFlight"] == 6


async def test_the_limit_is_changed_live_in_both_directions(engine: World) -> None:
    await limit(engine, 3)
    async with engine.runner(), engine.runner():
        assert most_at_once(await calls_of(engine, 8)) == 2
        await limit(engine, 13)
        # Long enough for twelve to be asked for while the first is under way, on a busy machine too.
        await engine.model.control(totalSeconds=4 * CALL_SECONDS)
        assert most_at_once(await calls_of(engine, 30)) == 12
        await engine.model.control(totalSeconds=CALL_SECONDS)
        await limit(engine, 4)
        assert most_at_once(await calls_of(engine, 12)) == 3


async def test_a_raised_limit_serves_what_waits_at_once(engine: World) -> None:
    """Those who wait do not have to wait for the end of a call that was allowed before."""
    await limit(engine, 2)
    await engine.model.control(totalSeconds=4)
    async with engine.runner():
        await ask(engine, 6)
        await eventually(lambda: _in_flight(engine, 1))
        await limit(engine, 7)
        async with asyncio.timeout(2):
            await eventually(lambda: _in_flight(engine, 6))
        info = await engine.client.jetstream().consumer_info(subjects.WORK, subjects.lane_durable("demo", Lane.BATCH))
        assert info.num_ack_pending == 6
        await engine.settled()


async def _in_flight(engine: World, count: int) -> bool:
    return bool((await engine.model.ledger())["inFlight"] == count)


async def test_a_long_retry_after_frees_its_slot_and_comes_at_its_time(engine: World) -> None:
    await limit(engine, 2)
    await engine.model.control(faults=[{"fault": "once-429", "rate": 1, "model": "demo-fast", "retryAfterSeconds": 7}])
    played = scenario().model_copy(update={"opponent": OPPONENT.model_copy(update={"model": "demo-standard"})})
    refused, other = await engine.begin(), await engine.begin(played)
    async with engine.runner():
        await engine.ask(turn(refused))
        await eventually(lambda: _scheduled(engine, refused))
        asked = time.monotonic()
        await engine.ask(turn(other, model="demo-standard"))
        await eventually(lambda: _spoken(engine, other))
        assert time.monotonic() - asked < 2
        assert not await _spoken(engine, refused)
        await engine.settled()
    (message,) = await engine.store.entries.transcript(conversation_id(refused.id, 1))
    (row,) = await engine.store.usage.of_run(refused.id)
    waited = message.created_at - row.created_at
    assert timedelta(seconds=6.5) < waited < timedelta(seconds=10)


async def _scheduled(engine: World, of: Run) -> bool:
    info = await engine.client.jetstream().stream_info(subjects.WORK, subjects_filter="later.>")
    return any(of.id in subject for subject in info.state.subjects or {})


async def _spoken(engine: World, of: Run) -> bool:
    return bool(await engine.store.entries.transcript(conversation_id(of.id, 1)))
