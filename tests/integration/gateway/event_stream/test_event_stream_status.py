"""A run's status as an event stream: what `new EventSource(".../status")` gets."""

import asyncio
import json
from typing import Any

import pytest

from shared.contracts.enums import Wanted
from shared.contracts.timestamps import now
from shared.storage.scope import Scope
from support.builders import ANYBODY
from support.eventually import eventually
from support.gateway.environment import Environment, environment
from support.gateway.event_reader import Event


def body(event: Event) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(event.data)
    return parsed


async def test_status_comes_at_each_change_and_last_terminal(here: Environment) -> None:
    story = await here.story()
    async with here.gateways[0].open(f"/api/jobs/{story.run.id}/stream") as client:
        first = await client.take(1)
        await story.start()
        second = await client.take(1)
        await story.message(1)
        await story.end()
        events = first + second + await client.rest()
    assert all(event.event == "message" for event in events)  # unnamed: `onmessage` gets them
    assert [body(event)["status"] for event in events[:2]] == ["queued", "running"]
    assert [body(event)["terminal"] for event in events].count(True) == 1
    assert body(events[-1])["terminal"] is True


async def test_each_status_differs_from_the_one_before(here: Environment) -> None:
    story = await here.story()
    async with here.gateways[0].open(f"/api/jobs/{story.run.id}/stream") as client:
        await story.start()
        for seq in range(1, 6):
            await story.message(seq)
            await story.progress()
        await story.end()
        events = await client.rest()
    assert len({event.data for event in events}) == len(events)
    assert len({event.id for event in events}) == len(events)


async def test_reconnect_after_the_last_status_is_answered_204_on_any_gateway(here: Environment) -> None:
    story = await here.story()
    await story.whole()
    where = f"/api/jobs/{story.run.id}/stream"
    async with here.gateways[0].open(where) as client:
        events = await client.rest()
    assert len(events) == 1
    for gateway in here.gateways:
        async with gateway.open(where, events[0].id) as client:
            assert client.response.status_code == 204


async def test_reconnect_with_the_status_it_has_waits_for_the_next(here: Environment) -> None:
    story = await here.story()
    where = f"/api/jobs/{story.run.id}/stream"
    async with here.gateways[0].open(where) as client:
        first = (await client.take(1))[0]
    async with here.gateways[1].open(where, first.id) as client:
        await story.start()
        assert body((await client.take(1))[0])["status"] == "running"


async def test_done_is_said_where_it_was_asked_for(here: Environment) -> None:
    story = await here.story()
    await story.whole()
    async with here.gateways[0].open(f"/api/jobs/{story.run.id}/stream?done=1") as client:
        assert [event.data for event in await client.rest()][-1] == "[DONE]"


@pytest.mark.parametrize("folder", ["runs", "battles", "scale"])
async def test_accept_header_turns_the_status_into_a_stream(here: Environment, folder: str) -> None:
    story = await here.story()
    await story.whole()
    where = f"/api/{folder}/{story.run.id}/status"
    async with here.gateways[0].open(where, accept="text/event-stream") as client:
        assert client.response.headers["vary"].startswith("Accept")
        assert [body(event)["terminal"] for event in await client.rest()] == [True]


async def test_control_that_changed_without_an_event_is_seen_by_the_next_look(
    fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTWARS_STREAM_STATUS_PERIOD_SECONDS", "0.3")
    async with environment(fresh_nats_url, mongo_url) as here:
        story = await here.story()
        async with here.gateways[0].open(f"/api/jobs/{story.run.id}/stream") as client:
            await client.take(1)
            await here.store.runs.set_wanted(ANYBODY, story.run.id, Wanted.CANCEL, 1, now())
            assert body((await client.take(1))[0])["status"] == "canceling"


async def test_many_status_readers_share_the_reads_of_their_run(here: Environment) -> None:
    story = await here.story()
    reads = 0
    store = here.gateways[0].app.state.store
    get = store.runs.get

    async def counted(run_id: str, scope: Scope) -> Any:
        nonlocal reads
        reads += 1
        return await get(run_id, scope)

    async def follow() -> list[Event]:
        async with here.gateways[0].open(f"/api/jobs/{story.run.id}/stream") as client:
            await client.take(1)
            store.runs.get = counted
            return await client.rest()

    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(follow()) for _ in range(20)]
        await eventually(lambda: len(here.gateways[0].streams.open_streams) == 20)
        await story.whole()
    assert all(body(reader.result()[-1])["terminal"] for reader in readers)
    assert 0 < reads <= 10


async def test_waiting_for_a_change_ends_with_the_change(here: Environment) -> None:
    story = await here.story()
    streams = here.gateways[0].streams
    assert await streams.wait_for_change(story.run.id, 0.2) is False
    waiting = asyncio.create_task(streams.wait_for_change(story.run.id, 1.0))
    await story.start()
    assert await waiting is True
