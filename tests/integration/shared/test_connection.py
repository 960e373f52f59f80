"""A connection without a broker: a line when it goes, none an attempt, and a close that keeps its bound."""

import time

import structlog
from structlog.testing import capture_logs

from shared.messaging.connection import CLOSE_TIMEOUT_SECONDS, Connection
from shared.settings import NatsSettings

REFUSALS = 5


def connection(url: str) -> Connection:
    return Connection("test", NatsSettings(nats_url=url), structlog.stdlib.get_logger("test"))


async def test_an_absence_is_one_line_at_its_beginning_and_one_at_its_end(nats_url: str) -> None:
    with capture_logs() as lines:
        opened = connection(nats_url)
        client = await opened.open()
        for _ in range(2):
            client._status = client.RECONNECTING
            await opened._disconnected()
            for _ in range(REFUSALS):
                await opened._error(ConnectionRefusedError("nobody there"))
            client._status = client.CONNECTED
            await opened._reconnected()
        await opened.close()
    assert [line["event"] for line in lines] == ["broker disconnected", "broker reconnected"] * 2


async def test_closing_without_a_broker_keeps_its_bound(nats_url: str) -> None:
    opened = connection(nats_url)
    client = await opened.open()
    began = time.monotonic()
    await opened.close()
    assert client.is_closed
    assert time.monotonic() - began < CLOSE_TIMEOUT_SECONDS
