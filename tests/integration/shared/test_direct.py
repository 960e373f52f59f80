"""Text on its way, by either client on a real broker: published without a wait, heard in its order."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog

from shared.messaging import quick_client
from shared.messaging.connection import Connection
from shared.messaging.direct import PlainDirect, read_headers
from shared.messaging.quick_client import UnknownNatsPy
from shared.settings import NatsSettings

LOG = structlog.stdlib.get_logger("test")
TEXTS = 500


@pytest.fixture(params=["quick", "plain"])
async def connection(request: pytest.FixtureRequest, fresh_nats_url: str) -> AsyncIterator[Connection]:
    opened = Connection("test", NatsSettings(nats_url=fresh_nats_url, nats_client=request.param), LOG)
    await opened.open()
    yield opened
    await opened.close()


async def test_texts_are_heard_in_their_order_until_the_end(connection: Connection) -> None:
    heard: asyncio.Queue[tuple[bytes, bytes, bytes]] = asyncio.Queue()
    end = await connection.listener.listen("text.>", lambda *message: heard.put_nowait(message))
    for number in range(TEXTS):
        assert connection.text_sink.send("text.a", b"%d" % number)
    async with asyncio.timeout(10):
        assert [await heard.get() for _ in range(TEXTS)] == [(b"text.a", b"", b"%d" % one) for one in range(TEXTS)]
    await end()
    assert connection.text_sink.send("text.a", b"late")
    await connection.client.flush()
    assert heard.empty()


async def test_headers_are_heard_as_they_were_published(connection: Connection) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await connection.listener.listen("text.>", lambda _subject, block, _payload: heard.put_nowait(block))
    await connection.client.publish("text.a", b"x", headers={"Nats-Sequence": "7", "Aw-Type": "message"})
    block = await asyncio.wait_for(heard.get(), 10)
    assert read_headers(block) == {"Nats-Sequence": "7", "Aw-Type": "message"}
    assert b"\nNats-Sequence: 7\r" in block


async def test_a_listener_that_fails_ends_nobodys_listening(connection: Connection) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    failures: list[object] = []

    def hear(_subject: bytes, _headers: bytes, payload: bytes) -> None:
        if payload == b"bad":
            raise ValueError(payload)
        heard.put_nowait(payload)

    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: failures.append(told["exception"]))
    await connection.listener.listen("text.a", hear)
    for payload in (b"bad", b"good"):
        assert connection.text_sink.send("text.a", payload)
    assert await asyncio.wait_for(heard.get(), 10) == b"good"
    assert [type(one) for one in failures] == [ValueError]


async def test_what_cannot_be_sent_is_said_at_once(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not connection.text_sink.send("text.a", b"x" * (connection.client.max_payload + 1))
    monkeypatch.setattr("shared.messaging.direct.WAITING_BYTES", 10)
    if isinstance(connection.text_sink, PlainDirect):
        assert connection.text_sink.send("text.a", b"12345678")
        assert not connection.text_sink.send("text.a", b"12345678")
    await connection.close()
    assert not connection.text_sink.send("text.a", b"x")


def test_a_nats_py_with_other_names_is_refused_by_the_setting_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_client, "PARSER_NAMES", ("buf", "moved"))
    with pytest.raises(UnknownNatsPy, match=r"no Parser\.moved.*AGENTWARS_NATS_CLIENT=plain"):
        Connection("test", NatsSettings(), LOG)
    Connection("test", NatsSettings(nats_client="plain"), LOG)
