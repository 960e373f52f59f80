"""A run of many conversations does not hold up another one's turns: measured in places in the queue, not in time."""

from collections.abc import AsyncIterator

import pytest

from integration.engine.world import Engine, engine_on, limit
from invariants import Event, Witness, assert_all, events_of
from shared.contracts.enums import Lane
from shared.contracts.runs import Run
from support.builders import run
from support.builders import scenario as played_by
from support.eventually import eventually

CONCURRENCY, LIVE = 10, 2
LANE = CONCURRENCY - LIVE


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[Engine]:
    async with engine_on(fresh_nats_url, mongo_url) as made:
        await limit(made.world, CONCURRENCY, LIVE)
        await made.world.model.control(totalSeconds=0.05)
        yield made


async def crowd(engine: Engine) -> Run:
    """A run of 200 conversations, at the concurrency that a start would give it."""
    half = engine.world.registry.half_lane({"demo"}, Lane.BATCH)
    return await engine.stage.start(run(total=200, concurrency=half, played=played_by(message_limit=2)))


async def starts_while_waiting(engine: Engine, waiting: Run, others: list[Run]) -> list[int]:
    """For each of a run's turns, how many turns of the others began between its being owed and its beginning."""
    own = await events_of(engine.world.client, waiting.id)
    began = [event.sequence for other in others for event in await _starts(engine, other)]
    waits = _waits(own)
    assert len(waits) == sum(event.type == "attempt.started" for event in own)
    return [sum(owed < sequence < started for sequence in began) for owed, started in waits]


async def _starts(engine: Engine, of: Run) -> list[Event]:
    return [event for event in await events_of(engine.world.client, of.id) if event.type == "attempt.started"]


def _waits(events: list[Event]) -> list[tuple[int, int]]:
    """(what made a turn owed, its attempt's start), as places on the stream."""
    owed, found = 0, []
    for event in events:
        if event.type in ("run.started", "message"):
            owed = event.sequence
        elif event.type == "attempt.started":
            found.append((owed, event.sequence))
    return found


@pytest.mark.parametrize("crowds", [1, 2])
async def test_a_turn_waits_for_no_more_than_one_turn_of_each_slot(engine: Engine, crowds: int) -> None:
    async with engine.world.runner():
        others = [await crowd(engine) for _ in range(crowds)]
        await engine.stage.ended_conversations(others[-1].id, 4)
        small = await engine.stage.start(run(played=played_by(message_limit=8)))
        await eventually(lambda: _ended(engine, small), "the small run's end")
        assert not await _ended(engine, others[-1]), "the crowd left before it could hold anybody up"
        waited = await starts_while_waiting(engine, small, others)
        assert len(waited) == 8
        assert max(waited) <= LANE, waited
        await assert_all(Witness(engine.stage.store, engine.stage.client), small.id)


async def _ended(engine: Engine, of: Run) -> bool:
    return (await engine.stage.run(of.id)).end_sequence is not None
