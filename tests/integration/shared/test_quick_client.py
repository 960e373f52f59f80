"""The quick client on a real broker: what it shortens behaves as nats-py's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog
from nats.aio.client import Client
from nats.errors import MaxPayloadError, NoRespondersError, OutboundBufferLimitError, TimeoutError

from shared.messaging.connection import Connection
from shared.messaging.quick_client import QuickClient
from shared.settings import NatsSettings

LARGE = 300_000


def quick(client: Client) -> QuickClient:
    assert isinstance(client, QuickClient)
    return client


@pytest.fixture
async def client(fresh_nats_url: str) -> AsyncIterator[QuickClient]:
    connection = Connection("test", NatsSettings(nats_url=fresh_nats_url), structlog.stdlib.get_logger("test"))
    yield quick(await connection.open())
    await connection.close()


async def test_many_ask_at_once_and_each_has_its_own_answer(client: QuickClient) -> None:
    stream = client.jetstream(timeout=5)
    await stream.add_stream(name="S", subjects=["s.*"])
    acks = await asyncio.gather(*(stream.publish(f"s.{number}", b"x", headers={"A": "b"}) for number in range(300)))
    assert sorted(ack.seq for ack in acks) == list(range(1, 301))
    stored = await asyncio.gather(*(stream.get_msg("S", ack.seq) for ack in acks))
    assert [found.subject for found in stored] == [f"s.{number}" for number in range(300)]
    assert {str(found.headers) for found in stored} == {"{'A': 'b'}"}


async def test_who_asks_nobody_hears_it(client: QuickClient) -> None:
    with pytest.raises(NoRespondersError):
        await client.request("nobody.there", timeout=5)


async def test_who_is_not_answered_waits_no_longer_than_asked(client: QuickClient) -> None:
    await client.subscribe("silent")
    with pytest.raises(TimeoutError):
        await client.request("silent", timeout=0.05)
    assert not client._asked


async def test_listeners_hear_in_order_also_what_is_large_and_after_a_new_connection(client: QuickClient) -> None:
    heard: asyncio.Queue[tuple[bytes, bytes, int]] = asyncio.Queue()
    end = await client.listen("a.>", lambda subject, head, payload: heard.put_nowait((subject, head, len(payload))))
    await client.publish("a.1", b"x")
    await client.publish("a.2", b"y" * LARGE, headers={"A": "b"})
    assert [await heard.get(), await heard.get()] == [
        (b"a.1", b"", 1),
        (b"a.2", b"NATS/1.0\r\nA: b\r\n\r\n", LARGE),
    ]
    await client.force_reconnect()
    # Kept in the buffer until there is a connection again.
    await client.publish("a.3", b"z")
    assert await heard.get() == (b"a.3", b"", 1)
    await end()
    await client.publish("a.4", b"z")
    with pytest.raises(NoRespondersError):
        await client.request("nobody.there", timeout=5)
    assert heard.empty()


@pytest.mark.parametrize("size", [2 * 1024 * 1024, 1024 * 1024], ids=["payload", "payload and headers"])
async def test_what_is_too_large_is_refused_before_it_is_sent(client: QuickClient, size: int) -> None:
    """The server counts headers, too, and would end the connection: everything of this process with it."""
    with pytest.raises(MaxPayloadError):
        await client.publish("a", b"x" * size, headers={"A": "b"})
    assert not client.send("a", b"x" * size, headers={"A": "b"})
    await client.flush()
    assert client.is_connected
    assert client.stats["reconnects"] == 0


@asynccontextmanager
async def deaf_server() -> AsyncIterator[str]:
    """The URL of a server that reads nothing more, with its connections open, once somebody is connected."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.0","max_payload":1048576,"headers":true}\r\n')
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    over.set()


async def fill(client: QuickClient) -> None:
    for _ in range(64):
        await client.publish("a", b"x" * 1_000_000)


async def test_nobody_waits_without_an_end_for_a_server_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.messaging.quick_client.ROOM_SECONDS", 0.2)
    for name in ("ROOM_SECONDS", "CLOSE_TIMEOUT_SECONDS"):
        monkeypatch.setattr(f"shared.messaging.connection.{name}", 0.2)
    async with deaf_server() as url, asyncio.timeout(10):
        connection = Connection("test", NatsSettings(nats_url=url), structlog.stdlib.get_logger("test"))
        client = quick(await connection.open())
        with pytest.raises(OutboundBufferLimitError):
            await fill(client)
        with pytest.raises(OutboundBufferLimitError):
            await client.request("a", timeout=5)
        with pytest.raises(OutboundBufferLimitError):
            await client.jetstream().publish("a", b"x")
        await client.subscribe("b")
        assert not client.send("a", b"x")
        assert client.is_connected
        await connection.close()
