"""What is gone is made again, what stands is left alone. Real servers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from nats.js.errors import NotFoundError

from shared.cancellation import cancel_all
from shared.contracts import subjects
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from shared.worker import topology_repair as module
from shared.worker.topology_repair import TopologyRepair
from support.builders import registry

LOG = structlog.stdlib.get_logger("test")
NEEDED = [subjects.RUN_EVENTS, f"{subjects.WORK}/{subjects.ORCHESTRATOR_DONE}"]


@pytest.fixture
async def connection(fresh_nats_url: str) -> AsyncIterator[Connection]:
    opened = Connection("test", NatsSettings(nats_url=fresh_nats_url), LOG)
    await opened.open()
    yield opened
    await opened.close()


def repair(connection: Connection, store: Store) -> TopologyRepair:
    readiness = Readiness(connection, store, NEEDED)
    return TopologyRepair(readiness, connection, store, NatsSettings(), registry(), LOG)


async def until_there(connection: Connection, durable: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await connection.client.jetstream().consumer_info(subjects.WORK, durable)
            except NotFoundError:
                await asyncio.sleep(0.02)
            else:
                return


async def test_a_service_that_waits_longer_than_the_bootstrap_takes_makes_all_of_it(
    connection: Connection, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BOOTSTRAP_IS_LATE_SECONDS", 0.1)
    async with asyncio.timeout(10):
        await repair(connection, store).until_ready()
    assert await bootstrap(connection.client, store, NatsSettings(), registry()) == []


async def test_what_is_gone_is_made_again_and_what_stands_is_left_alone(
    connection: Connection, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.05)
    await bootstrap(connection.client, store, NatsSettings(), registry())
    streams = connection.client.jetstream()
    raised = (await streams.consumer_info(subjects.WORK, subjects.ORCHESTRATOR_COMMANDS)).config
    raised.max_ack_pending = 7
    await streams.add_consumer(subjects.WORK, raised)
    await streams.delete_consumer(subjects.WORK, subjects.ORCHESTRATOR_DONE)
    watching = asyncio.create_task(repair(connection, store).watch())
    await until_there(connection, subjects.ORCHESTRATOR_DONE)
    await cancel_all([watching])
    info = await streams.consumer_info(subjects.WORK, subjects.ORCHESTRATOR_COMMANDS)
    assert info.config.max_ack_pending == 7
