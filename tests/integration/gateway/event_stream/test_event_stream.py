"""Event streams of runs on the real servers, from two gateways side by side."""

import asyncio
import json
import socket
from itertools import cycle

import httpx
import pytest

from shared.contracts import subjects
from shared.contracts.identity import conversation_id
from support.eventually import eventually
from support.gateway.environment import Environment, environment
from support.gateway.event_reader import Event, sequences
from support.gateway.instance import Instance
from support.gateway.story import Story


def types(events: list[Event]) -> list[str]:
    return [event.event for event in events]


def told(story: Story, *wanted: str) -> list[int]:
    return [sequence for sequence, type_ in story.told if not wanted or type_ in wanted]


async def read(gateway: Instance, where: str, last_id: str | None = None) -> list[Event]:
    """Everything one request answers, up to its end."""
    async with gateway.open(where, last_id) as client:
        assert client.response.status_code == 200
        return await client.rest()


async def status_of(gateway: Instance, where: str, last_id: str | None = None) -> int:
    async with gateway.open(where, last_id) as client:
        return client.response.status_code


async def test_live_events_come_as_they_are_told_and_end_with_the_run(here: Environment) -> None:
    story = await here.story()
    async with here.gateways[0].open(story.path()) as client:
        await client.until_comment("connected")
        await story.whole()
        events = await client.rest()
    assert sequences(events) == told(story)
    assert types(events) == [type_ for _, type_ in story.told]
    assert json.loads(events[-1].data)["terminal"] is True


async def test_first_bytes_come_before_any_event_and_heartbeats_follow(here: Environment) -> None:
    story = await here.story()
    async with here.gateways[0].open(story.path()) as client:
        headers = client.response.headers
        await client.until_comment("connected")
        assert client.retry == 1000
        client.comments.clear()
        await client.until_comment("")  # a heartbeat is a comment without text
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["connection"] == "keep-alive"


async def test_ended_run_is_replayed_whole_and_answers_204_after_its_last_event(here: Environment) -> None:
    story = await here.story()
    await story.whole()
    for gateway in here.gateways:
        events = await read(gateway, story.path())
        assert sequences(events) == told(story)
        assert await status_of(gateway, story.path(), events[-1].id) == 204


async def test_reader_that_drops_after_every_event_and_changes_gateways_misses_and_repeats_nothing(
    here: Environment,
) -> None:
    story = await here.story()
    telling = asyncio.create_task(story.whole(messages=6, deltas=2))
    gateways = cycle(here.gateways)
    got: list[Event] = []
    while not got or got[-1].event != "run.ended":
        async with next(gateways).open(story.path(), got[-1].id if got else None) as client:
            got += await client.take(1)
    await telling
    assert sequences(got) == told(story)


async def test_resume_from_every_position_gives_the_next_event_and_no_other(here: Environment) -> None:
    story = await here.story()
    await story.whole(messages=3)
    events = await read(here.gateways[0], story.path())
    for position, event in enumerate(events[:-1], start=1):
        for gateway in here.gateways:
            assert await read(gateway, story.path(), event.id) == events[position:]


async def test_last_id_may_stand_in_the_query(here: Environment) -> None:
    story = await here.story()
    await story.whole()
    events = await read(here.gateways[0], story.path())
    assert await read(here.gateways[1], story.path(f"?lastEventId={events[3].id}")) == events[4:]


async def test_fact_told_twice_is_shown_once(here: Environment) -> None:
    story = await here.story()
    async with here.gateways[0].open(story.path()) as client:
        await story.start()
        await story.message(1)
        await story.message(1)
        await story.message(2)
        await story.end()
        events = await client.rest()
    assert types(events) == ["run.started", "message", "message", "run.ended"]


@pytest.mark.parametrize("cursor", ["garbage", "0-0a0b0c0d-1", "future"])
async def test_unknown_cursor_gets_a_snapshot_and_goes_on_from_there(here: Environment, cursor: str) -> None:
    story = await here.story()
    await story.begin_conversation()
    await story.start()
    await story.message(1)
    async with here.gateways[0].open(story.path()) as client:
        known = (await client.take(2))[-1].id or ""
    if cursor == "future":
        cursor = f"{known.rpartition('-')[0]}-999999"
    async with here.gateways[0].open(story.path(), cursor) as client:
        snapshot = (await client.take(1))[0]
        await story.message(2)
        await story.end()
        after = await client.rest()
    body = json.loads(snapshot.data)
    assert (snapshot.event, snapshot.id) == ("snapshot", known)
    assert body["runId"] == story.run.id
    assert [message["seq"] for message in body["conversations"][0]["messages"]] == [1]
    assert types(after) == ["message", "run.ended"]


async def test_cursor_of_another_run_gets_a_snapshot(here: Environment) -> None:
    story, other = await here.story(), await here.story()
    await other.whole()
    await story.start()
    foreign = (await read(here.gateways[0], other.path()))[2].id
    async with here.gateways[0].open(story.path(), foreign) as client:
        assert types(await client.take(1)) == ["snapshot"]


async def test_run_whose_history_is_gone_starts_with_a_snapshot_and_ends(here: Environment) -> None:
    story = await here.story()
    await story.begin_conversation()
    await story.whole()
    stream = here.connection.client.jetstream()
    await stream.purge_stream(subjects.RUN_EVENTS, subject=subjects.everything(story.run.id))
    events = await read(here.gateways[0], story.path())
    body = json.loads(events[0].data)
    assert types(events) == ["snapshot"]
    assert (body["status"], body["conversations"][0]["lastSeq"]) == ("complete", 4)
    assert await status_of(here.gateways[1], story.path(), events[0].id) == 204


async def test_from_now_starts_with_how_things_stand(here: Environment) -> None:
    story = await here.story()
    await story.start()
    async with here.gateways[0].open(story.path("?from=now")) as client:
        first = await client.take(1)
        await story.message(1)
        await story.end()
        assert types(first + await client.rest()) == ["snapshot", "message", "run.ended"]


async def test_types_filter_keeps_what_ends_the_stream(here: Environment) -> None:
    story = await here.story()
    await story.whole()
    events = await read(here.gateways[0], story.path("?types=message"))
    assert sequences(events) == told(story, "message", "run.ended")


async def test_conversation_filter_keeps_the_run_s_own_events(here: Environment) -> None:
    story = await here.story(total=2)
    await story.start()
    await story.delta("one", index=1)
    await story.message(1, index=1)
    await story.delta("two", index=2)
    await story.message(1, index=2)
    await story.end()
    second = conversation_id(story.run.id, 2)
    for where in (story.path(f"?conversation={second}"), f"/api/stream/{second}"):
        events = await read(here.gateways[0], where)
        assert types(events) == ["run.started", "delta", "message", "run.ended"]
        assert json.loads(events[2].data)["conversationId"] == second


async def test_large_run_leaves_deltas_out_unless_a_conversation_is_named(here: Environment) -> None:
    story = await here.story(total=65)
    second = conversation_id(story.run.id, 2)
    async with (
        here.gateways[0].open(story.path()) as all_of_it,
        here.gateways[0].open(story.path(f"?conversation={second}")) as one,
    ):
        await story.start()
        for index in (1, 2):
            await story.delta("word", index=index)
            await story.message(1, index=index)
        await story.end()
        assert types(await all_of_it.rest()) == ["run.started", "message", "message", "run.ended"]
        live = await one.rest()
    assert types(live) == ["run.started", "delta", "message", "run.ended"]
    assert await read(here.gateways[1], story.path(f"?conversation={second}")) == live


async def test_unknown_run_is_404_on_every_stream(here: Environment) -> None:
    for where in ("/api/runs/x/events", "/api/battles/x/events", "/api/scale/x/events", "/api/stream/x-1"):
        assert await status_of(here.gateways[0], where) == 404
    assert await status_of(here.gateways[0], "/api/jobs/x/stream") == 404


async def test_reader_that_leaves_is_noticed_and_everything_behind_it_goes(here: Environment) -> None:
    story = await here.story()
    streams = here.gateways[0].streams
    async with here.gateways[0].open(story.path()) as client:
        await client.until_comment("connected")
        assert len(streams.open_streams) == 1
    # By itself, long before a heartbeat could find the connection closed.
    await eventually(lambda: not len(streams.open_streams), seconds=5)
    await eventually(lambda: not streams.hub.scopes, seconds=5)


async def test_stop_of_the_server_ends_every_stream_with_advice(here: Environment) -> None:
    story = await here.story()
    async with (
        here.gateways[0].open(story.path()) as events,
        here.gateways[0].open(f"/api/jobs/{story.run.id}/stream") as status,
    ):
        await events.until_comment("connected")
        await status.take(1)
        here.gateways[0].app.state.services.shutting_down.set()
        async with asyncio.timeout(1):
            assert await events.rest() == []
            await status.rest()
        for client in (events, status):
            assert "the server is going down, please reconnect" in client.comments
    assert await said_at_once(here.gateways[0], story.path()) == "the server is going down, please reconnect"


async def said_at_once(gateway: Instance, where: str) -> str:
    """The last comment of a stream that ends at once without an event."""
    async with gateway.open(where) as client:
        assert client.response.status_code == 200
        assert await client.rest() == []
        return client.comments[-1]


async def test_many_readers_of_one_run_share_one_log(here: Environment) -> None:
    story = await here.story()

    async def follow(gateway: Instance) -> list[Event]:
        return await read(gateway, story.path())

    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(follow(here.gateways[0])) for _ in range(20)]
        await story.whole()
        assert len(here.gateways[0].streams.hub.scopes) <= 1
    assert all(sequences(reader.result()) == told(story) for reader in readers)


async def test_reader_that_fell_out_of_the_ring_reads_on_from_history(
    fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTWARS_STREAM_LOG_EVENTS", "5")
    async with environment(fresh_nats_url, mongo_url) as here:
        story = await here.story()
        await story.start()
        async with here.gateways[0].open(story.path()) as first:
            for seq in range(1, 20):
                await story.message(seq)
            late = await open_reader(here.gateways[0], story.path(), 15)
            await story.end()
            assert sequences(await first.rest()) == told(story)
        assert late == told(story)[:15]


async def open_reader(gateway: Instance, where: str, count: int) -> list[int]:
    async with gateway.open(where) as client:
        return sequences(await client.take(count))


async def test_reader_that_takes_nothing_is_cut_and_goes_on_where_it_was(
    fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTWARS_STREAM_SEND_LIMIT_SECONDS", "0.3")
    async with environment(fresh_nats_url, mongo_url) as here:
        story, streams = await here.story(), here.gateways[0].streams
        await story.start()
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", httpx.URL(here.gateways[0].url).port))
            stuck.sendall(f"GET {story.path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await eventually(lambda: len(streams.open_streams) == 1)
            for seq in range(1, 150):
                await story.message(seq, content="x" * 60_000)
            await eventually(lambda: not len(streams.open_streams))
        await story.end()
        assert sequences(await read(here.gateways[0], story.path())) == told(story)
