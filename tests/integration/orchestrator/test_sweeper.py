"""What no trigger covers is found by the sweeper, with settings short enough to see it."""

from datetime import timedelta

from nats.aio.client import Client

from integration.orchestrator.scripts import Held
from integration.orchestrator.stage import Stage, stage
from orchestrator.settings import OrchestratorSettings
from shared.contracts import subjects
from shared.contracts.enums import EndedReason, RunStatus, Wanted
from shared.contracts.runs import Control, Run
from shared.contracts.timestamps import now
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import ANYBODY, registry, run, scenario
from support.eventually import eventually

AT_ONCE = OrchestratorSettings(
    sweep_period_seconds=0.01, control_grace_seconds=0, silence_seconds=0, silence_check_seconds=0
)
PATIENT = AT_ONCE.model_copy(update={"control_grace_seconds": 600, "silence_seconds": 600})


async def lose_work(client: Client, store: Store) -> None:
    """The stream is gone with all it held and remembered, and made anew: a disk was lost."""
    await client.jetstream().delete_stream(subjects.WORK)
    await bootstrap(client, store, NatsSettings(), registry())


async def first_job_waits(played: Stage, wanted: Run) -> Run:
    """The run as it is when the orchestrator has done all it can and the first job waits."""
    started = await played.start(wanted)
    async with played.playing(runner=False):
        await eventually(played.is_waiting_for_runner, "the first job")
    return started


async def test_run_whose_gateway_died_before_publishing_is_started(store: Store, client: Client) -> None:
    async with stage(store, client, settings=AT_ONCE) as played, played.playing():
        stored = run(control=Control(changed_at=now() - timedelta(seconds=6)))
        await store.runs.insert(stored)
        await played.sweeper.sweep()
        assert (await played.ended(stored.id)).status is RunStatus.COMPLETE
    assert played.sweeper.looks["unhandled control"] >= 1


async def test_cancel_whose_gateway_died_before_publishing_is_made_true(store: Store, client: Client) -> None:
    async with stage(store, client, settings=AT_ONCE) as played:
        started = await first_job_waits(played, run(total=2))
        await store.runs.set_wanted(ANYBODY, started.id, Wanted.CANCEL, 1, now() - timedelta(seconds=6))
        async with played.playing():
            await played.sweeper.sweep()
            assert (await played.ended(started.id)).status is RunStatus.CANCELED


async def test_silent_conversation_whose_job_was_lost_is_played_on(store: Store, client: Client) -> None:
    async with stage(store, client, settings=AT_ONCE) as played:
        started = await first_job_waits(played, run())
        await lose_work(client, store)
        async with played.playing():
            await played.sweeper.sweep()
            assert (await played.ended(started.id)).status is RunStatus.COMPLETE
    assert played.sweeper.looks["silent conversation"] == 1


async def test_run_whose_queue_was_lost_before_its_last_conversation_was_counted_ends(
    store: Store, client: Client
) -> None:
    async with stage(store, client, settings=AT_ONCE) as played:
        started = await first_job_waits(played, run(total=3, concurrency=1, played=scenario(message_limit=1)))
        async with played.playing():
            await played.ended_conversations(started.id, 1)
        await lose_work(client, store)
        async with played.playing():
            await played.sweeper.sweep()
            assert (await played.ended(started.id)).completed == 3


async def test_what_the_queue_still_holds_is_left_alone(store: Store, client: Client) -> None:
    async with stage(store, client, settings=AT_ONCE) as played:
        await first_job_waits(played, run())
        await played.sweeper.sweep()
        assert not played.sweeper.looks
        assert await played.queued() == 1


async def test_job_that_waits_for_a_long_back_off_is_left_alone(store: Store, client: Client) -> None:
    async with stage(store, client, settings=AT_ONCE) as played:
        started = await first_job_waits(played, run())
        async with played.playing(runner=False):
            job = await played.taken_job()
            await played.publisher.scheduled(job, now() + timedelta(hours=1), f"{job.key}:later:1")
        await played.sweeper.sweep()
        assert not played.sweeper.looks, f"{started.id} waits in WORK"


async def test_conversation_past_its_deadline_ends_by_timeout_whatever_is_in_flight(
    store: Store, client: Client
) -> None:
    held = Held(seq=2)
    async with stage(store, client, held, settings=PATIENT) as played, played.playing():
        started = await played.start(run(played=scenario(time_limit_seconds=0.5)))
        await held.reached.wait()

        async def over() -> bool:
            await played.sweeper.sweep()
            return (await played.run(started.id)).outcome is not None

        await eventually(over, "the end by timeout")
        held.released.set()
        ended = await played.ended(started.id)
    assert ended.outcome is not None
    assert ended.outcome.ended_reason is EndedReason.TIMEOUT
    assert set(played.sweeper.looks) == {"deadline"}


async def test_pause_of_more_than_its_limit_becomes_a_cancel(store: Store, client: Client) -> None:
    settings = AT_ONCE.model_copy(update={"pause_limit_seconds": 0.0})
    async with stage(store, client, settings=settings) as played:
        started = await played.start(run(total=2))
        await played.want(started.id, Wanted.PAUSE)
        async with played.playing():

            async def canceled() -> bool:
                await played.sweeper.sweep()
                return (await played.run(started.id)).control.wanted is Wanted.CANCEL

            await eventually(canceled, "the cancel")
            await played.sweeper.sweep()
            assert (await played.ended(started.id)).status is RunStatus.CANCELED
