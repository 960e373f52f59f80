"""Cancel, pause and resume, through the orchestrator's looks on real servers."""

from nats.aio.client import Client

from integration.orchestrator.scripts import Held
from integration.orchestrator.stage import Stage, stage
from invariants import events_of
from shared.contracts.enums import EndedReason, RunStatus, Wanted
from shared.contracts.runs import Run, status_view
from shared.storage import Store
from support.builders import registry, run, scenario
from support.eventually import eventually


async def paused(played: Stage, of: Run) -> None:
    async def is_paused() -> bool:
        return status_view(await played.run(of.id)).status is RunStatus.PAUSED

    await eventually(is_paused, "the pause")


async def ends(played: Stage, of: Run) -> list[EndedReason | None]:
    return [entries[-1].ended_reason for entries in await played.transcripts(of)]


async def types(client: Client, of: Run) -> list[str]:
    return [event.type for event in await events_of(client, of.id)]


async def test_run_cancelled_before_its_start_ends_every_conversation_without_a_call(
    store: Store, client: Client
) -> None:
    async with stage(store, client) as played:
        started = await played.start(run(total=70, concurrency=3))
        await played.want(started.id, Wanted.CANCEL)
        async with played.playing():
            ended = await played.ended(started.id)
    assert ended.status is RunStatus.CANCELED
    assert await ends(played, ended) == [EndedReason.CANCELED] * 70
    assert not played.runner.calls


async def test_cancel_in_the_middle_ends_begun_and_unbegun_conversations(store: Store, client: Client) -> None:
    held = Held(seq=2)
    async with stage(store, client, held) as played, played.playing():
        started = await played.start(run(total=5, concurrency=2))
        await held.reached.wait()
        await played.want(started.id, Wanted.CANCEL)
        held.released.set()
        ended = await played.ended(started.id)
    assert (ended.status, ended.control.handled) == (RunStatus.CANCELED, 2)
    assert await ends(played, ended) == [EndedReason.CANCELED] * 5
    assert "run.canceled" in await types(client, ended)


async def test_pause_lets_what_is_in_flight_finish_and_starts_nothing_new(store: Store, client: Client) -> None:
    held = Held(seq=2)
    async with stage(store, client, held) as played, played.playing():
        started = await played.start(run(total=3, concurrency=2))
        await held.reached.wait()
        await played.want(started.id, Wanted.PAUSE)
        assert status_view(await played.run(started.id)).status is RunStatus.PAUSING
        held.released.set()
        await paused(played, started)
        assert [len(entries) for entries in await played.transcripts(started)][2] == 0
        assert sum(played.runner.calls.values()) <= 4
        await played.want(started.id, Wanted.RUN)
        ended = await played.ended(started.id)
    assert (ended.status, ended.completed) == (RunStatus.COMPLETE, 3)
    assert ended.paused_seconds > 0
    assert {"run.paused", "run.resumed"} <= set(await types(client, ended))


async def test_run_of_free_models_is_not_shown_as_paused_while_a_call_is_in_flight(
    store: Store, client: Client
) -> None:
    held = Held(seq=2)
    async with stage(store, client, held, providers=registry(price=0.0)) as played, played.playing():
        started = await played.start(run(total=1))
        await held.reached.wait()
        await played.want(started.id, Wanted.PAUSE)

        async def handled() -> bool:
            return (await played.run(started.id)).control.handled == 2

        await eventually(handled, "the look at the pause")
        assert status_view(await played.run(started.id)).status is RunStatus.PAUSING
        held.released.set()
        await paused(played, started)
        await played.want(started.id, Wanted.RUN)
        await played.ended(started.id)


async def test_run_paused_before_its_start_is_paused_and_plays_after_its_resume(store: Store, client: Client) -> None:
    async with stage(store, client) as played:
        started = await played.start(run(total=2))
        await played.want(started.id, Wanted.PAUSE)
        async with played.playing():
            await paused(played, started)
            await played.want(started.id, Wanted.RUN)
            ended = await played.ended(started.id)
    assert (ended.status, ended.completed) == (RunStatus.COMPLETE, 2)


async def test_paused_run_can_be_cancelled(store: Store, client: Client) -> None:
    held = Held(seq=3)
    async with stage(store, client, held) as played, played.playing():
        started = await played.start(run(total=2, played=scenario(message_limit=8)))
        await held.reached.wait()
        await played.want(started.id, Wanted.PAUSE)
        held.released.set()
        await paused(played, started)
        await played.want(started.id, Wanted.CANCEL)
        ended = await played.ended(started.id)
    assert ended.status is RunStatus.CANCELED
    assert await ends(played, ended) == [EndedReason.CANCELED] * 2
