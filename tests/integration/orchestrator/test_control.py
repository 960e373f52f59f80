"""Cancel, pause and resume, through the orchestrator's looks on real servers."""

from shared.contracts.enums import EndedReason, RunStatus, Wanted
from shared.contracts.runs import Run, status_view
from support.builders import registry, run, scenario
from support.eventually import eventually
from support.workers.orchestrator import Orchestrator
from support.workers.scripts import Held


async def paused(orchestrator: Orchestrator, of: Run) -> None:
    async def is_paused() -> bool:
        return status_view(await orchestrator.run(of.id)).status is RunStatus.PAUSED

    await eventually(is_paused, "the pause")


async def types(orchestrator: Orchestrator, of: Run) -> list[str]:
    return [event.type for event in await orchestrator.events(of)]


async def test_run_cancelled_before_its_start_ends_every_conversation_without_a_call(
    orchestrator: Orchestrator,
) -> None:
    started = await orchestrator.start(run(total=70, concurrency=3))
    await orchestrator.want(started.id, Wanted.CANCEL)
    async with orchestrator.playing():
        ended = await orchestrator.ended(started.id)
    assert ended.status is RunStatus.CANCELED
    assert await orchestrator.causes(ended) == [(EndedReason.CANCELED, None)] * 70
    assert not orchestrator.runner.calls


async def test_cancel_in_the_middle_ends_begun_and_unbegun_conversations(orchestrator: Orchestrator) -> None:
    held = orchestrator.script = Held(seq=2)
    async with orchestrator.playing():
        started = await orchestrator.start(run(total=5, concurrency=2))
        await held.reached.wait()
        await orchestrator.want(started.id, Wanted.CANCEL)
        held.released.set()
        ended = await orchestrator.ended(started.id)
    assert (ended.status, ended.control.handled) == (RunStatus.CANCELED, 2)
    assert await orchestrator.causes(ended) == [(EndedReason.CANCELED, None)] * 5
    assert "run.canceled" in await types(orchestrator, ended)


async def test_pause_lets_what_is_in_flight_finish_and_starts_nothing_new(orchestrator: Orchestrator) -> None:
    held = orchestrator.script = Held(seq=2)
    async with orchestrator.playing():
        started = await orchestrator.start(run(total=3, concurrency=2))
        await held.reached.wait()
        await orchestrator.want(started.id, Wanted.PAUSE)
        assert status_view(await orchestrator.run(started.id)).status is RunStatus.PAUSING
        held.released.set()
        await paused(orchestrator, started)
        assert [len(entries) for entries in await orchestrator.transcripts(started)][2] == 0
        assert sum(orchestrator.runner.calls.values()) <= 4
        await orchestrator.want(started.id, Wanted.RUN)
        ended = await orchestrator.ended(started.id)
    assert (ended.status, ended.completed) == (RunStatus.COMPLETE, 3)
    assert ended.paused_seconds > 0
    assert {"run.paused", "run.resumed"} <= set(await types(orchestrator, ended))


async def test_run_of_free_models_is_not_shown_as_paused_while_a_call_is_in_flight(orchestrator: Orchestrator) -> None:
    held = orchestrator.script = Held(seq=2)
    orchestrator.workers.registry = registry(price=0.0)
    async with orchestrator.playing():
        started = await orchestrator.start(run(total=1))
        await held.reached.wait()
        await orchestrator.want(started.id, Wanted.PAUSE)

        async def handled() -> bool:
            return (await orchestrator.run(started.id)).control.handled == 2

        await eventually(handled, "the look at the pause")
        assert status_view(await orchestrator.run(started.id)).status is RunStatus.PAUSING
        held.released.set()
        await paused(orchestrator, started)
        await orchestrator.want(started.id, Wanted.RUN)
        await orchestrator.ended(started.id)


async def test_run_paused_before_its_start_is_paused_and_plays_after_its_resume(orchestrator: Orchestrator) -> None:
    started = await orchestrator.start(run(total=2))
    await orchestrator.want(started.id, Wanted.PAUSE)
    async with orchestrator.playing():
        await paused(orchestrator, started)
        await orchestrator.want(started.id, Wanted.RUN)
        ended = await orchestrator.ended(started.id)
    assert (ended.status, ended.completed) == (RunStatus.COMPLETE, 2)


async def test_paused_run_can_be_cancelled(orchestrator: Orchestrator) -> None:
    held = orchestrator.script = Held(seq=3)
    async with orchestrator.playing():
        started = await orchestrator.start(run(total=2, played=scenario(message_limit=8)))
        await held.reached.wait()
        await orchestrator.want(started.id, Wanted.PAUSE)
        held.released.set()
        await paused(orchestrator, started)
        await orchestrator.want(started.id, Wanted.CANCEL)
        ended = await orchestrator.ended(started.id)
    assert ended.status is RunStatus.CANCELED
    assert await orchestrator.causes(ended) == [(EndedReason.CANCELED, None)] * 2
