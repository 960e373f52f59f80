"""A run of many conversations does not hold up another one's turns: measured in places in the queue, not in time."""

import pytest

from invariants import Event, Witness, assert_all
from shared.contracts.enums import Lane
from shared.contracts.runs import Run
from support.builders import run, scenario
from support.eventually import eventually
from support.workers.orchestrator import Orchestrator

CONCURRENCY, LIVE = 10, 2
LANE = CONCURRENCY - LIVE


async def crowd(orchestrator: Orchestrator) -> Run:
    """A run of 200 conversations, at the concurrency that a start would give it."""
    half = orchestrator.workers.registry.half_lane({"demo"}, Lane.BATCH)
    return await orchestrator.start(run(total=200, concurrency=half, played=scenario(message_limit=2)))


async def starts_while_waiting(orchestrator: Orchestrator, waiting: Run, others: list[Run]) -> list[int]:
    """For each of a run's turns, how many turns of the others began between its being owed and its beginning."""
    own = await orchestrator.events(waiting)
    began = [event.sequence for other in others for event in await _starts(orchestrator, other)]
    waits = _waits(own)
    assert len(waits) == sum(event.type == "attempt.started" for event in own)
    return [sum(owed < sequence < started for sequence in began) for owed, started in waits]


async def _starts(orchestrator: Orchestrator, of: Run) -> list[Event]:
    return [event for event in await orchestrator.events(of) if event.type == "attempt.started"]


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
async def test_a_turn_waits_for_no_more_than_one_turn_of_each_slot(orchestrator: Orchestrator, crowds: int) -> None:
    await orchestrator.workers.change_demo(concurrency=CONCURRENCY, live_concurrency=LIVE)
    await orchestrator.workers.model.control(totalSeconds=0.05)
    async with orchestrator.workers.runner():
        others = [await crowd(orchestrator) for _ in range(crowds)]
        await orchestrator.ended_conversations(others[-1].id, 4)
        small = await orchestrator.start(run(played=scenario(message_limit=8)))
        await eventually(lambda: _ended(orchestrator, small), "the small run's end")
        assert not await _ended(orchestrator, others[-1]), "the crowd left before it could hold anybody up"
        waited = await starts_while_waiting(orchestrator, small, others)
        assert len(waited) == 8
        assert max(waited) <= LANE, waited
        await assert_all(Witness(orchestrator.store, orchestrator.client), small.id)


async def _ended(orchestrator: Orchestrator, of: Run) -> bool:
    return (await orchestrator.run(of.id)).end_sequence is not None
