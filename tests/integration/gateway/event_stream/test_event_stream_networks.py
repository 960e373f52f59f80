"""Bad input and bad networks: the contract's answers before the first byte, and nobody else disturbed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import pytest

from support.eventually import eventually
from support.gateway.environment import Environment, environment
from support.gateway.event_reader import sequences
from support.gateway.instance import Instance
from support.gateway.story import Story

LONG = "x" * 10_000
BURST = 400


@pytest.fixture
async def here(fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Environment]:
    monkeypatch.setenv("AGENTWARS_STREAM_HEARTBEAT_SECONDS", "0.3")
    monkeypatch.setenv("AGENTWARS_STREAM_SEND_LIMIT_SECONDS", "0.5")
    monkeypatch.setenv("AGENTWARS_STREAM_LINGER_SECONDS", "0.2")
    async with environment(fresh_nats_url, mongo_url) as made:
        yield made


def address(gateway: Instance) -> tuple[str, int]:
    return "127.0.0.1", int(httpx.URL(gateway.url).port or 0)


def request(where: str) -> bytes:
    return f"GET {where} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@asynccontextmanager
async def watched_by_another(gateway: Instance, story: Story) -> AsyncIterator[asyncio.Task[list[int]]]:
    """Another reader of the run: what it has read at the end is what was told."""

    async def read() -> list[int]:
        async with gateway.open(story.path()) as client:
            return sequences(await client.rest())

    reading = asyncio.create_task(read())
    try:
        await eventually(lambda: len(gateway.streams.open_streams) == 1)
        yield reading
    finally:
        reading.cancel()


@pytest.mark.parametrize(
    "name", [LONG, "%00", quote("../../etc/passwd", safe=""), quote("💥" * 50), "%ff%fe", "a-" + "9" * 5000]
)
async def test_ids_that_cannot_be_are_404_everywhere(here: Environment, name: str) -> None:
    http = here.gateways[0].http
    for where in ("/api/runs/{}/events", "/api/stream/{}", "/api/jobs/{}/stream", "/api/runs/{}/status"):
        answer = await http.get(where.format(name))
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?types=nonsense", {}, 400),
        ("?from=yesterday", {}, 400),
        ("?conversation=other-1", {}, 404),
        (f"?types={LONG}", {}, 400),
        (f"?from={LONG}", {}, 400),
        (f"?conversation={LONG}", {}, 404),
        ("?conversation=%00", {}, 404),
        ("", {"X-User-Id": LONG}, 400),
    ],
)
async def test_filters_that_cannot_be_are_answered_before_the_first_byte(
    here: Environment, query: str, headers: dict[str, str], status: int
) -> None:
    story = await here.story()
    assert (await here.gateways[0].http.get(story.path(query), headers=headers)).status_code == status


@pytest.mark.parametrize(
    "cursor", [LONG, "7 7", "0-0-0", "-1", "é", "fff-00000000-" + "9" * 18, "a" * 16 + "-" + "b" * 8 + "-1"]
)
async def test_cursors_that_are_none_begin_with_how_things_stand(here: Environment, cursor: str) -> None:
    story = await here.story()
    await story.start()
    asked: list[tuple[str, dict[bytes, bytes]]] = [
        (story.path(), {b"Last-Event-ID": cursor.encode()}),
        (story.path(f"?lastEventId={quote(cursor)}"), {}),
    ]
    for where, headers in asked:
        async with here.gateways[0].http.stream("GET", where, headers=headers) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line.startswith("event:"):
                    assert line == "event: snapshot"
                    break


async def test_reader_of_a_byte_at_a_time_is_cut_and_the_others_get_everything(here: Environment) -> None:
    gateway, story = here.gateways[0], await here.story()
    await story.start()
    async with watched_by_another(gateway, story) as other:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(address(gateway))
            slow.sendall(request(story.path()))
            await eventually(lambda: len(gateway.streams.open_streams) == 2)
            for seq in range(1, 150):
                await story.message(seq, content="x" * 60_000)
                assert len(slow.recv(1)) == 1
            await eventually(lambda: len(gateway.streams.open_streams) == 1)
        await story.end()
        assert await other == [sequence for sequence, _ in story.told]


async def test_burst_of_connects_is_served_and_leaves_nothing_behind(here: Environment) -> None:
    gateway, story = here.gateways[0], await here.story()
    streams = gateway.streams
    async with watched_by_another(gateway, story) as other:
        opened = await asyncio.gather(*(asyncio.open_connection(*address(gateway)) for _ in range(BURST)))
        for _, writer in opened:
            writer.write(request(story.path()))
        async with asyncio.timeout(30):
            for reader, _ in opened:
                assert (await reader.readuntil(b"connected\n")).startswith(b"HTTP/1.1 200")
        assert len(streams.open_streams) == BURST + 1
        for _, writer in opened:
            writer.transport.abort()  # no good-bye: a reset
        await eventually(lambda: len(streams.open_streams) == 1)
        await story.whole(messages=2)
        assert await other == [sequence for sequence, _ in story.told]
    await eventually(lambda: not streams.hub.scopes)


async def test_half_a_request_and_no_request_at_all_disturb_nobody(here: Environment) -> None:
    gateway, story = here.gateways[0], await here.story()
    said = [b"", b"GET /api/ru", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost", request(story.path())[:-2]]
    async with watched_by_another(gateway, story) as other:
        opened = [await asyncio.open_connection(*address(gateway)) for _ in said]
        for (_, writer), words in zip(opened, said, strict=True):
            writer.write(words)
        await story.whole(messages=2)
        assert await other == [sequence for sequence, _ in story.told]
        for _, writer in opened:
            writer.close()


async def test_peer_that_closes_its_half_is_noticed_at_once(here: Environment) -> None:
    gateway, story = here.gateways[0], await here.story()
    reader, writer = await asyncio.open_connection(*address(gateway))
    writer.write(request(story.path()))
    await reader.readuntil(b"connected\n")
    assert len(gateway.streams.open_streams) == 1
    writer.write_eof()
    await eventually(lambda: not len(gateway.streams.open_streams), seconds=1)
    writer.close()
