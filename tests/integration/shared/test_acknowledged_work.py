"""A broker that lost the removal of what was acknowledged: its durables' notes outlived its messages' notes."""

import os
import shutil
from pathlib import Path

import pytest
import structlog

from local_stack.finder import Binary, find_nats
from local_stack.servers import NatsServer, running
from shared.contracts import subjects
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.messaging.purges import drop_acknowledged
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import registry

WAITING = [b"first", b"second", b"third", b"fourth"]
ACKNOWLEDGED = 2


@pytest.fixture
def broker(tmp_path: Path) -> NatsServer:
    source = find_nats({"PATH": os.environ["PATH"]})
    assert isinstance(source, Binary)
    return NatsServer(source.path, tmp_path / "nats", tmp_path / "logs")


async def opened(broker: NatsServer) -> Connection:
    connection = Connection("test", NatsSettings(nats_url=broker.url), structlog.stdlib.get_logger("test"))
    await connection.open()
    return connection


async def standing(connection: Connection) -> list[bytes]:
    return [stored.data async for stored in history.read(connection.client, subjects.WORK, ">")]


async def test_what_was_acknowledged_and_stands_again_is_dropped_and_nothing_else(
    broker: NatsServer, store: Store, tmp_path: Path
) -> None:
    with running(broker):
        connection = await opened(broker)
        await bootstrap(connection.client, store, NatsSettings(), registry())
        for payload in WAITING:
            await connection.client.jetstream().publish(subjects.COMMANDS, payload)
        await connection.close()
    messages = next((tmp_path / "nats").rglob(f"streams/{subjects.WORK}/msgs"))
    shutil.copytree(messages, tmp_path / "before")
    with running(broker):
        connection = await opened(broker)
        queue = await connection.client.jetstream().pull_subscribe_bind(subjects.ORCHESTRATOR_COMMANDS, subjects.WORK)
        for message in await queue.fetch(ACKNOWLEDGED, timeout=5):
            await message.ack_sync()
        assert await drop_acknowledged(connection.client) == 0
        assert await standing(connection) == WAITING[ACKNOWLEDGED:]
        await connection.close()
    shutil.rmtree(messages)
    shutil.copytree(tmp_path / "before", messages)
    with running(broker):
        connection = await opened(broker)
        assert await standing(connection) == WAITING
        assert await drop_acknowledged(connection.client) == ACKNOWLEDGED
        assert await standing(connection) == WAITING[ACKNOWLEDGED:]
        assert await drop_acknowledged(connection.client) == 0
        await connection.close()
