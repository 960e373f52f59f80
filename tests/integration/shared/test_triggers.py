"""Taking triggers, and a stop that leaves none of them to its ack_wait. Real broker."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from nats.aio.msg import Msg

from sample_runs import registry
from shared.contracts.record import now
from shared.contracts.work import RunCommanded
from shared.messaging import subjects
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.messaging.triggers import Triggers
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap

LOG = structlog.stdlib.get_logger("test")
DURABLE = subjects.ORCHESTRATOR_COMMANDS
SLOTS = 3
MESSAGES = 8
ACK_WAIT = 15.0


class Looks:
    """Handlers that take as long as the test says."""

    def __init__(self) -> None:
        self.begun = 0
        self.enough = asyncio.Event()
        self._changed = asyncio.Event()
        self._settlement = Settlement(LOG, self._give_up, ACK_WAIT, 60)

    async def __call__(self, message: Msg) -> None:
        self.begun += 1
        self._changed.set()
        await self._settlement.run(message, self.enough.wait())

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.begun < count:
                self._changed.clear()
                await self._changed.wait()

    async def _give_up(self, message: Msg, error: BaseException) -> None:
        raise AssertionError(f"given up: {error}")


@pytest.fixture
async def connection(fresh_nats_url: str, store: Store) -> AsyncIterator[Connection]:
    """A connection to a broker that holds some commands."""
    opened = Connection("test", NatsSettings(nats_url=fresh_nats_url), LOG)
    client = await opened.open()
    await opened.broker.start()
    await bootstrap(client, store, NatsSettings(), registry())
    for number in range(MESSAGES):
        await Publisher(client).work(RunCommanded(run_id=f"run-{number}", at=now(), version=1))
    yield opened
    await opened.close()


async def in_hand(connection: Connection) -> tuple[int, int]:
    """How many commands are delivered and unsettled, and how many wait."""
    info = await connection.client.jetstream().consumer_info(subjects.WORK, DURABLE)
    return info.num_ack_pending or 0, info.num_pending or 0


def at_work(connection: Connection, looks: Looks) -> tuple[Triggers, list[asyncio.Task[None]]]:
    triggers = Triggers(connection, SLOTS, LOG)
    triggers.add(DURABLE, looks)
    return triggers, [asyncio.create_task(duty) for duty in triggers.duties]


async def test_no_more_is_taken_than_there_are_slots(connection: Connection) -> None:
    looks = Looks()
    triggers, running = at_work(connection, looks)
    await looks.until_begun(SLOTS)
    assert await in_hand(connection) == (SLOTS, MESSAGES - SLOTS)
    looks.enough.set()
    await looks.until_begun(MESSAGES)
    await triggers.stop(5)
    await asyncio.gather(*running)
    assert await in_hand(connection) == (0, 0)


async def test_a_stop_hands_over_what_does_not_end_in_time(connection: Connection) -> None:
    looks = Looks()
    triggers, running = at_work(connection, looks)
    await looks.until_begun(SLOTS)
    await triggers.stop(0.05)
    await asyncio.gather(*running)
    await connection.client.flush()
    others = Looks()
    others.enough.set()
    triggers, running = at_work(connection, others)
    # All of them, at once: nobody waits for ack_wait.
    await others.until_begun(MESSAGES)
    await triggers.stop(5)
    await asyncio.gather(*running)
    assert await in_hand(connection) == (0, 0)


async def test_a_stop_in_the_middle_of_arrivals_leaves_nothing_in_hand(connection: Connection) -> None:
    for number in range(10):
        looks = Looks()
        looks.enough.set()
        triggers, running = at_work(connection, looks)
        await looks.until_begun(1)
        await triggers.stop(5)
        await asyncio.gather(*running)
        await connection.client.flush()
        held, _ = await in_hand(connection)
        assert held == 0
        await Publisher(connection.client).work(RunCommanded(run_id="run", at=now(), sweep=number))
