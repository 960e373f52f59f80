"""The summarizer, wired: its triggers, readiness, heartbeat. Objects are built here and handed down."""

import asyncio

from shared import logs
from shared.cancellation import cancel_all
from shared.health import HealthServer
from shared.messaging import subjects
from shared.messaging.alive import say_alive
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.messaging.triggers import Triggers
from shared.process import stop_or_failure, unless_stopped
from shared.readiness import Readiness
from shared.routing import Registry, Router, load_registry
from shared.settings import HealthSettings, LogSettings, MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.keeper import Keeper
from shared.topology.streams import ACK_WAIT_SECONDS
from summarizer.effects import Effects
from summarizer.giving_up import ReportEndings
from summarizer.handlers import GiveUps, Handlers
from summarizer.looks import ReportLooks
from summarizer.memory_looks import MemoryLooks
from summarizer.settings import SummarizerSettings
from summarizer.sharing import SharedLooks

SERVICE = "summarizer"
NEEDED = [
    subjects.RUN_EVENTS,
    subjects.DEAD_LETTERS,
    f"{subjects.WORK}/{subjects.SUMMARIZER_REPORTS}",
    f"{subjects.WORK}/{subjects.SUMMARIZER_DONE}",
    f"{subjects.WORK}/{subjects.SUMMARIZER_MEMORY}",
]
HANDLER_LIMIT_SECONDS = 120.0
STOP_SECONDS = 3.0
LOOKS_AT_ONCE = 2


async def serve(stopping: asyncio.Event) -> None:
    """Runs the summarizer until `stopping` is set."""
    log = logs.configure(SERVICE, LogSettings())
    connection = Connection(SERVICE, NatsSettings(), log)
    store = Store(MongoSettings())
    readiness = Readiness(connection, store, NEEDED)
    health = HealthServer(HealthSettings(), readiness)
    await health.start()
    try:
        await work(connection, store, load_registry(), readiness, SummarizerSettings(), log, stopping)
    finally:
        await connection.close()
        await health.stop()
        store.close()


async def work(
    connection: Connection,
    store: Store,
    registry: Registry,
    readiness: Readiness,
    settings: SummarizerSettings,
    log: logs.Logger,
    stopping: asyncio.Event,
) -> None:
    """Waits for what is needed, then takes triggers until the stop, and hands over what does not end soon."""
    keeper = Keeper(readiness, connection, store, NatsSettings(), registry, log)
    if not await unless_stopped(stopping, _ready(connection, keeper)):
        return
    handlers = _handlers(connection, store, registry, settings, log)
    triggers = Triggers(connection, settings.summarizer_workers, log)
    triggers.add(subjects.SUMMARIZER_REPORTS, handlers.on_report_requested)
    triggers.add(subjects.SUMMARIZER_DONE, handlers.on_generation_stored)
    triggers.add(subjects.SUMMARIZER_MEMORY, handlers.on_memory_requested)
    alive = say_alive(connection, SERVICE, settings.summarizer_heartbeat_seconds, log)
    background = [asyncio.create_task(duty) for duty in (*triggers.duties, alive, keeper.watch())]
    log.info("serving")
    try:
        await stop_or_failure(stopping, background)
    finally:
        await triggers.stop(STOP_SECONDS)
        await cancel_all(background)


async def _ready(connection: Connection, keeper: Keeper) -> None:
    await connection.open()
    await connection.broker.start()
    await keeper.until_ready()


def _handlers(
    connection: Connection, store: Store, registry: Registry, settings: SummarizerSettings, log: logs.Logger
) -> Handlers:
    publisher, router = Publisher(connection.client), Router(registry)
    looks = ReportLooks(store, Effects(store, publisher), router, settings.reserved_output_tokens, log)
    memories = MemoryLooks(store, publisher, router, settings.summary_max_tokens, log)
    give_up = ReportEndings(GiveUps(publisher, memories), looks, store, publisher, log)
    settlement = Settlement(log, give_up, ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    return Handlers(SharedLooks(looks.look, LOOKS_AT_ONCE), memories, settlement)
