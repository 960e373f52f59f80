"""A broker whose disk was full once: it is connected, answers, and confirms nothing. Health says so."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog
from nats.errors import TimeoutError as NatsTimeoutError

from local_stack.finder import Binary, find_nats
from local_stack.servers import NatsServer, running
from shared import cached_check
from shared.contracts import subjects
from shared.errors import BrokerUnavailable
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import registry
from support.small_disk import SmallDisk, small_disk

LOG = structlog.stdlib.get_logger("test")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "nats", 48) as mounted:
        yield mounted


@pytest.fixture
def broker(disk: SmallDisk, tmp_path: Path) -> Iterator[NatsServer]:
    source = find_nats({"PATH": os.environ["PATH"]})
    assert isinstance(source, Binary)
    server = NatsServer(source.path, tmp_path / "nats", tmp_path / "logs")
    with running(server):
        yield server


@pytest.fixture
async def connection(broker: NatsServer) -> AsyncIterator[Connection]:
    opened = Connection("test", NatsSettings(nats_url=broker.url), LOG)
    await opened.open()
    yield opened
    await opened.close()


async def test_a_stream_that_refuses_what_it_is_told_is_not_ready(
    disk: SmallDisk, broker: NatsServer, connection: Connection, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_check, "PROVEN_SECONDS", 0.0)
    await bootstrap(connection.client, store, NatsSettings(), registry())
    ready = Readiness(connection, store, [subjects.WORK, subjects.RUN_EVENTS])
    assert await ready() == []
    await _fill(disk, connection)
    disk.free()
    assert connection.connected
    (said,) = await ready()
    assert said.startswith("broker: the broker did not confirm a probe of RUN_EVENTS")
    assert not broker.works()
    broker.process.kill()
    broker.process.start()
    await _until_ready(ready)
    assert broker.works()


async def test_a_broker_that_is_started_on_a_full_disk_has_started_and_does_not_work(
    disk: SmallDisk, broker: NatsServer, connection: Connection, store: Store
) -> None:
    await bootstrap(connection.client, store, NatsSettings(), registry())
    await _fill(disk, connection)
    broker.process.kill()
    assert not broker.has_started()
    broker.process.start()
    await asyncio.to_thread(broker.wait_ready)
    async with asyncio.timeout(10):
        while not connection.connected:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await _refused(connection)
    assert broker.has_started()
    assert not broker.works()


async def test_a_connection_that_closes_takes_its_probes_out_again(
    broker: NatsServer, connection: Connection, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_check, "PROVEN_SECONDS", 0.0)
    leaving = Connection("leaving", NatsSettings(nats_url=broker.url), LOG)
    await bootstrap(await leaving.open(), store, NatsSettings(), registry())
    ready = Readiness(leaving, store, [subjects.WORK, subjects.RUN_EVENTS])
    published = leaving.client.stats["out_msgs"]
    asking = asyncio.create_task(ready.broker_works())
    while leaving.client.stats["out_msgs"] == published:  # noqa: ASYNC110
        await asyncio.sleep(0)
    asking.cancel()
    await leaving.close()
    for stream in (subjects.WORK, subjects.RUN_EVENTS):
        assert [stored async for stored in history.read(connection.client, stream, ">")] == []
    with pytest.raises(BrokerUnavailable):
        await ready.broker_works()


async def test_a_probe_leaves_nothing_behind(connection: Connection, store: Store) -> None:
    await bootstrap(connection.client, store, NatsSettings(), registry())
    assert await Readiness(connection, store, [subjects.WORK, subjects.RUN_EVENTS])() == []
    for stream in (subjects.WORK, subjects.RUN_EVENTS):
        assert [stored async for stored in history.read(connection.client, stream, ">")] == []
    assert await store.collection("probes").count_documents({}) == 1


async def _until_ready(ready: Readiness) -> None:
    async with asyncio.timeout(20):
        while True:
            if await ready() == []:
                return
            await asyncio.sleep(0.1)


async def _fill(disk: SmallDisk, connection: Connection) -> None:
    disk.fill()
    await _refused(connection)


async def _refused(connection: Connection) -> None:
    """Until the stream of events refuses one."""
    stream = connection.client.jetstream(timeout=0.5)
    with suppress(NatsTimeoutError):
        while True:
            await stream.publish("run.r1.events", b"x" * 4000)
