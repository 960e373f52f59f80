"""Taking triggers, and a stop that leaves none of them to its ack_wait. Real broker."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.contracts.timestamps import now
from shared.contracts.work import RunCommanded
from shared.errors import PermanentError
from shared.messaging.connection import Connection
from shared.messaging.deliveries import Delivery, UnreadableMessage
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.messaging.triggers import Trigger, Triggers
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import registry
from support.servers import own_connection

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
        self.fails: Exception | None = None
        self.given_up: list[str] = []
        self.unreadable = asyncio.Event()
        self._changed = asyncio.Event()
        self.settlement = Settlement(LOG, self._give_up, ACK_WAIT, 60)

    async def look(self, command: RunCommanded, delivery: Delivery) -> None:
        assert command.run_id.startswith("run")
        assert delivery.message.subject == subjects.COMMANDS
        self.begun += 1
        self._changed.set()
        if self.fails is not None:
            raise self.fails
        await self.enough.wait()

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.begun < count:
                self._changed.clear()
                await self._changed.wait()

    async def _give_up(self, message: Msg, error: BaseException) -> None:
        self.given_up.append(type(error).__name__)
        if isinstance(error, UnreadableMessage):
            self.unreadable.set()


Add = Callable[[Triggers, Looks], None]
"""Has a looks' handler called for every command that triggers take."""


@pytest.fixture
async def client(fresh_nats_url: str, store: Store) -> AsyncIterator[Client]:
    """A connection to a broker that holds some commands."""
    async with own_connection(fresh_nats_url) as client:
        await bootstrap(client, store, NatsSettings(), registry())
        for number in range(MESSAGES):
            await Publisher(client).work(RunCommanded(run_id=f"run-{number}", at=now(), version=1))
        yield client


@pytest.fixture(params=["typed", "fast"])
def add(request: pytest.FixtureRequest) -> Add:
    """Either way to a handler."""
    trigger = Trigger(DURABLE, subjects.COMMANDS, Looks.look, fast=request.param == "fast")
    return lambda triggers, looks: triggers.add(trigger, looks)


async def in_hand(client: Client) -> tuple[int, int]:
    """How many commands are delivered and unsettled, and how many wait."""
    info = await client.jetstream().consumer_info(subjects.WORK, DURABLE)
    return info.num_ack_pending or 0, info.num_pending or 0


@asynccontextmanager
async def at_work(nats_url: str, looks: Looks, add: Add) -> AsyncIterator[Triggers]:
    """A process that takes commands; within the block it is stopped by the test, or at its end."""
    connection = Connection("test", NatsSettings(nats_url=nats_url), LOG)
    await connection.open()
    await connection.broker.start()
    triggers = Triggers(connection, DeliveryCounts(0), looks.settlement, SLOTS, LOG)
    add(triggers, looks)
    running = [asyncio.create_task(duty) for duty in triggers.duties]
    try:
        yield triggers
        await triggers.stop(5)
        await asyncio.gather(*running)
    finally:
        await connection.close()


async def test_no_more_is_taken_than_there_are_slots(client: Client, fresh_nats_url: str, add: Add) -> None:
    looks = Looks()
    async with at_work(fresh_nats_url, looks, add):
        await looks.until_begun(SLOTS)
        assert await in_hand(client) == (SLOTS, MESSAGES - SLOTS)
        looks.enough.set()
        await looks.until_begun(MESSAGES)
    assert await in_hand(client) == (0, 0)


async def test_a_stop_hands_over_what_does_not_end_in_time(client: Client, fresh_nats_url: str, add: Add) -> None:
    looks, others = Looks(), Looks()
    async with at_work(fresh_nats_url, looks, add) as triggers:
        await looks.until_begun(SLOTS)
        await triggers.stop(0.05)
    others.enough.set()
    async with at_work(fresh_nats_url, others, add):
        # All of them, at once: nobody waits for ack_wait.
        await others.until_begun(MESSAGES)
    assert await in_hand(client) == (0, 0)


async def test_a_stop_in_the_middle_of_arrivals_leaves_nothing_in_hand(
    client: Client, fresh_nats_url: str, add: Add
) -> None:
    for number in range(10):
        looks = Looks()
        looks.enough.set()
        async with at_work(fresh_nats_url, looks, add):
            await looks.until_begun(1)
        held, _ = await in_hand(client)
        assert held == 0
        await Publisher(client).work(RunCommanded(run_id="run", at=now(), sweep=number))


async def test_what_cannot_be_read_and_what_fails_is_settled_either_way(
    client: Client, fresh_nats_url: str, add: Add
) -> None:
    looks = Looks()
    looks.fails = PermanentError("never")
    await client.jetstream().publish(subjects.COMMANDS, b"{nonsense")
    with structlog.testing.capture_logs():
        async with at_work(fresh_nats_url, looks, add):
            await looks.until_begun(MESSAGES)
            await asyncio.wait_for(looks.unreadable.wait(), 10)
    assert await in_hand(client) == (0, 0)
    assert Counter(looks.given_up) == {"UnreadableMessage": 1, "PermanentError": MESSAGES}
