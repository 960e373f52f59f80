"""One client's stream: first bytes, heartbeats, slow and gone clients, a server that stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message

from gateway.event_stream.connections.open_streams import OpenStream, OpenStreams
from gateway.event_stream.connections.response import EventStreamResponse, Serve
from gateway.event_stream.settings import StreamSettings
from shared.errors import BrokerUnavailable, StoreUnavailable
from support.eventually import eventually

QUICK = StreamSettings(stream_heartbeat_seconds=0.05, stream_send_limit_seconds=0.1)
SLOW = StreamSettings(stream_heartbeat_seconds=60, stream_send_limit_seconds=60)


class Wire:
    """The server's side of a connection. `stuck` takes nothing any more."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.stuck = False
        self.gone = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def complete(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False

    async def send(self, message: Message) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Exchange:
    """Serves one stream in the background."""

    def __init__(self, settings: StreamSettings) -> None:
        self.stopping = asyncio.Event()
        self.clients = OpenStreams(settings, self.stopping)
        self.wire = Wire()

    @asynccontextmanager
    async def serving(self, serve: Serve) -> AsyncIterator[asyncio.Task[None]]:
        response = EventStreamResponse(self.clients, serve)
        work = [asyncio.create_task(self.clients.keep_time()), asyncio.create_task(self.clients.end_when_stopping())]
        served = asyncio.create_task(response({"type": "http"}, self.wire.receive, self.wire.send))
        try:
            yield served
        finally:
            for task in (*work, served):
                task.cancel()
            await asyncio.gather(*work, served, return_exceptions=True)


async def wait_for_ever(client: OpenStream) -> None:
    while not client.leaving:
        await client.wait()


async def write_on(client: OpenStream) -> None:
    while not client.leaving:
        await client.write(b"x")
        await asyncio.sleep(0.001)


async def test_first_bytes_are_written_before_anything_happens() -> None:
    exchange = Exchange(SLOW)
    async with exchange.serving(wait_for_ever):
        await eventually(lambda: len(exchange.wire.sent) == 2)
    assert exchange.wire.sent[0]["status"] == 200
    assert exchange.wire.body == b"retry: 1000\n: connected\n"


async def test_heartbeats_are_comments() -> None:
    exchange = Exchange(QUICK)
    async with exchange.serving(wait_for_ever):
        await eventually(lambda: exchange.wire.body.count(b":\n") >= 3)


async def test_writes_put_heartbeats_off() -> None:
    exchange = Exchange(StreamSettings(stream_heartbeat_seconds=0.2))

    async def write_often(client: OpenStream) -> None:
        for _ in range(40):
            await asyncio.sleep(0.01)
            await client.write(b"x")

    async with exchange.serving(write_often) as served:
        await served
    assert b":\n" not in exchange.wire.body


async def test_client_that_takes_nothing_is_cut() -> None:
    exchange = Exchange(QUICK)
    async with exchange.serving(write_on) as served:
        await eventually(lambda: len(exchange.wire.sent) > 5)
        exchange.wire.stuck = True
        async with asyncio.timeout(2):
            await served
    assert len(exchange.clients) == 0
    assert not exchange.wire.complete  # cut, so that the client sees an error and comes again


async def test_client_that_left_frees_everything_at_once_wherever_it_stands() -> None:
    exchange = Exchange(SLOW)
    freed = asyncio.Event()

    async def read_for_long(client: OpenStream) -> None:
        try:
            await asyncio.Event().wait()  # a read of history, of the store
        finally:
            freed.set()

    async with exchange.serving(read_for_long) as served:
        await eventually(lambda: len(exchange.clients) == 1)
        exchange.wire.gone.set()
        async with asyncio.timeout(1):
            await served
    assert freed.is_set()
    assert len(exchange.clients) == 0


async def test_stop_of_the_server_ends_a_waiting_stream_with_advice() -> None:
    exchange = Exchange(SLOW)
    async with exchange.serving(wait_for_ever) as served:
        await eventually(lambda: len(exchange.clients) == 1)
        exchange.stopping.set()
        async with asyncio.timeout(1):
            await served
    assert exchange.wire.body.endswith(b"retry: 1000\n: the server is going down, please reconnect\n")
    assert exchange.wire.complete


async def test_stop_of_the_server_cuts_a_stream_whose_write_hangs() -> None:
    exchange = Exchange(SLOW)
    async with exchange.serving(write_on) as served:
        await eventually(lambda: len(exchange.wire.sent) > 2)
        exchange.wire.stuck = True
        await asyncio.sleep(0.01)
        exchange.stopping.set()
        async with asyncio.timeout(1):
            await served
    assert not exchange.wire.complete


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BrokerUnavailable("x", TimeoutError()), b"the broker is away, please reconnect"),
        (StoreUnavailable(TimeoutError()), b"the store is away, please reconnect"),
    ],
)
async def test_what_will_pass_is_an_end_with_advice(error: Exception, said: bytes) -> None:
    exchange = Exchange(SLOW)

    async def fail(client: OpenStream) -> None:
        raise error

    async with exchange.serving(fail) as served:
        await served
    assert exchange.wire.sent[0]["status"] == 200
    assert exchange.wire.body.endswith(b"retry: 1000\n: " + said + b"\n")
    assert exchange.wire.complete


async def test_more_streams_than_a_process_holds_end_with_advice() -> None:
    exchange = Exchange(StreamSettings(stream_open_limit=0))

    async def end_at_once(client: OpenStream) -> None:
        """Whoever is served in spite of the limit is told nothing of it, and need not be waited for."""

    async with exchange.serving(end_at_once) as served:
        await served
    assert exchange.wire.body == b"retry: 1000\n: too many streams are open here, please reconnect\n"
    assert exchange.wire.complete


async def test_wake_up_before_the_wait_is_not_lost() -> None:
    client = OpenStream(Wire().send, heartbeat_seconds=60)
    client.wake()
    async with asyncio.timeout(1):
        await client.wait()
