"""Which counts of deliveries are believed while the connection to the broker goes and comes."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from nats.aio.msg import Msg

from shared.cancellation import cancel_all
from shared.errors import BrokerUnavailable
from shared.messaging import delivery_counts, history
from shared.messaging.connection import Connection
from shared.messaging.delivery_counts import DeliveryCounts, DoubtedDeliveries
from shared.settings import NatsSettings
from support.eventually import eventually


def message(sequence: int, delivered: int = 1) -> Msg:
    metadata = SimpleNamespace(num_delivered=delivered, sequence=SimpleNamespace(stream=sequence))
    return cast(Msg, SimpleNamespace(metadata=metadata))


@pytest.mark.parametrize(
    ("sequence", "delivered", "first"), [(7, 1, False), (8, 1, True), (8, 2, False)], ids=["old", "new", "again"]
)
def test_only_what_was_stored_since_can_come_for_the_first_time(sequence: int, delivered: int, first: bool) -> None:
    assert DeliveryCounts(7).first(message(sequence, delivered)) is first


def test_nothing_is_first_until_it_is_known_what_is_old() -> None:
    assert not DeliveryCounts().first(message(1_000_000))


class Broker:
    """A connection whose losses the test makes, and the stream's last sequence as the broker would tell it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[asyncio.Future[tuple[int, int]]] = []
        connection = Connection("test", NatsSettings(), structlog.stdlib.get_logger("test"))
        monkeypatch.setattr(Connection, "client", None)
        monkeypatch.setattr(history, "bounds", self._bounds)
        monkeypatch.setattr(delivery_counts, "PAUSE_SECONDS", 0.0)
        self.deliveries = DoubtedDeliveries(connection, structlog.stdlib.get_logger("test"))
        self.lose, self.stand = connection._disconnected, connection._reconnected

    @property
    def doubted_to(self) -> float:
        return self.deliveries.counts.doubted_to

    async def _bounds(self, *_: Any) -> tuple[int, int]:
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]

    async def asked(self, times: int) -> asyncio.Future[tuple[int, int]]:
        async def so_often() -> bool:
            return len(self.answers) == times

        await eventually(so_often)
        return self.answers[-1]


async def test_each_connect_doubts_what_stands_then(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(monkeypatch)
    running = asyncio.create_task(broker.deliveries.run())
    (await broker.asked(1)).set_exception(BrokerUnavailable("a look at WORK", TimeoutError()))
    (await broker.asked(2)).set_result((1, 7))
    await eventually(lambda: _is(broker, 7))
    await broker.lose()
    assert not broker.deliveries.counts.first(message(9))
    await broker.stand()
    # The connection goes once more before its answer is taken: it says nothing of what stands after that.
    late = await broker.asked(3)
    await broker.lose()
    late.set_result((1, 8))
    await broker.stand()
    last = await broker.asked(4)
    assert not broker.deliveries.counts.first(message(9))
    last.set_result((1, 9))
    await eventually(lambda: _is(broker, 9))
    assert await cancel_all([running])


async def _is(broker: Broker, sequence: int) -> bool:
    return broker.doubted_to == sequence
