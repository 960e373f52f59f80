"""What no trigger covers is found by the sweeper, with settings short enough to see it."""

from datetime import timedelta

import pytest

from orchestrator.settings import OrchestratorSettings
from shared.contracts import subjects
from shared.contracts.enums import EndedReason, RunStatus, Wanted
from shared.contracts.runs import Control, Run
from shared.contracts.timestamps import now
from support.builders import ANYBODY, run, scenario
from support.eventually import eventually
from support.workers.environment import WorkerEnvironment
from support.workers.orchestrator import Orchestrator
from support.workers.scripts import Held

AT_ONCE = OrchestratorSettings(
    sweep_period_seconds=0.01, control_grace_seconds=0, silence_seconds=0, silence_check_seconds=0
)
PATIENT = AT_ONCE.model_copy(update={"control_grace_seconds": 600, "silence_seconds": 600})


async def lose_work(workers: WorkerEnvironment) -> None:
    """The stream is gone with all it held and remembered, and made anew: a disk was lost."""
    await workers.client.jetstream().delete_stream(subjects.WORK)
    await workers.know()


async def first_job_waits(orchestrator: Orchestrator, wanted: Run) -> Run:
    """The run as it is when the orchestrator has done all it can and the first job waits."""
    started = await orchestrator.start(wanted)
    async with orchestrator.playing(runner=False):
        await orchestrator.first_job()
    return started


@pytest.fixture(autouse=True)
def at_once(orchestrator: Orchestrator) -> None:
    orchestrator.settings = AT_ONCE


async def test_run_whose_gateway_died_before_publishing_is_started(orchestrator: Orchestrator) -> None:
    async with orchestrator.playing():
        stored = run(control=Control(changed_at=now() - timedelta(seconds=6)))
        await orchestrator.store.runs.insert(stored)
        await orchestrator.sweeper.sweep()
        assert (await orchestrator.ended(stored.id)).status is RunStatus.COMPLETE
    assert orchestrator.sweeper.looks["unhandled control"] >= 1


async def test_cancel_whose_gateway_died_before_publishing_is_made_true(orchestrator: Orchestrator) -> None:
    started = await first_job_waits(orchestrator, run(total=2))
    await orchestrator.store.runs.set_wanted(ANYBODY, started.id, Wanted.CANCEL, 1, now() - timedelta(seconds=6))
    async with orchestrator.playing():
        await orchestrator.sweeper.sweep()
        assert (await orchestrator.ended(started.id)).status is RunStatus.CANCELED


async def test_silent_conversation_whose_job_was_lost_is_played_on(orchestrator: Orchestrator) -> None:
    started = await first_job_waits(orchestrator, run())
    await lose_work(orchestrator.workers)
    async with orchestrator.playing():
        await orchestrator.sweeper.sweep()
        assert (await orchestrator.ended(started.id)).status is RunStatus.COMPLETE
    assert orchestrator.sweeper.looks["silent conversation"] == 1


async def test_run_whose_queue_was_lost_before_its_last_conversation_was_counted_ends(
    orchestrator: Orchestrator,
) -> None:
    started = await first_job_waits(orchestrator, run(total=3, concurrency=1, played=scenario(message_limit=1)))
    async with orchestrator.playing():
        await orchestrator.ended_conversations(started.id, 1)
    await lose_work(orchestrator.workers)
    async with orchestrator.playing():
        await orchestrator.sweeper.sweep()
        assert (await orchestrator.ended(started.id)).completed == 3


async def test_what_the_queue_still_holds_is_left_alone(orchestrator: Orchestrator) -> None:
    await first_job_waits(orchestrator, run())
    await orchestrator.sweeper.sweep()
    assert not orchestrator.sweeper.looks
    assert await orchestrator.workers.broker.owed() == 1


async def test_job_that_waits_for_a_long_back_off_is_left_alone(orchestrator: Orchestrator) -> None:
    started = await first_job_waits(orchestrator, run())
    async with orchestrator.playing(runner=False):
        job = await orchestrator.taken_job()
        await orchestrator.publisher.scheduled(job, now() + timedelta(hours=1), f"{job.key}:later:1")
    await orchestrator.sweeper.sweep()
    assert not orchestrator.sweeper.looks, f"{started.id} waits in WORK"


async def test_conversation_past_its_deadline_ends_by_timeout_whatever_is_in_flight(orchestrator: Orchestrator) -> None:
    held = orchestrator.script = Held(seq=2)
    orchestrator.settings = PATIENT
    async with orchestrator.playing():
        started = await orchestrator.start(run(played=scenario(time_limit_seconds=0.5)))
        await held.reached.wait()

        async def over() -> bool:
            await orchestrator.sweeper.sweep()
            return (await orchestrator.run(started.id)).outcome is not None

        await eventually(over, "the end by timeout")
        held.released.set()
        ended = await orchestrator.ended(started.id)
    assert ended.outcome is not None
    assert ended.outcome.ended_reason is EndedReason.TIMEOUT
    assert set(orchestrator.sweeper.looks) == {"deadline"}


async def test_pause_of_more_than_its_limit_becomes_a_cancel(orchestrator: Orchestrator) -> None:
    orchestrator.settings = AT_ONCE.model_copy(update={"pause_limit_seconds": 0.0})
    started = await orchestrator.start(run(total=2))
    await orchestrator.want(started.id, Wanted.PAUSE)
    async with orchestrator.playing():

        async def canceled() -> bool:
            await orchestrator.sweeper.sweep()
            return (await orchestrator.run(started.id)).control.wanted is Wanted.CANCEL

        await eventually(canceled, "the cancel")
        await orchestrator.sweeper.sweep()
        assert (await orchestrator.ended(started.id)).status is RunStatus.CANCELED
