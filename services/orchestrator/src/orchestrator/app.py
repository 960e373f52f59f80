"""The orchestrator, wired: its triggers, the sweeper, readiness. Objects are built here and handed down."""

import asyncio

from orchestrator.asking import Asking
from orchestrator.closing import Closing
from orchestrator.conversations import ConversationLooks
from orchestrator.effects import Effects
from orchestrator.giving import Giving
from orchestrator.giving_up import LookGiveUps
from orchestrator.handlers import Handlers
from orchestrator.runs import RunLooks
from orchestrator.settings import OrchestratorSettings
from orchestrator.sweeper import Sweeper
from shared import logs
from shared.cancellation import cancel_all
from shared.errors import TransientError
from shared.health import HealthServer
from shared.logs import Logger
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
from shared.tracebacks import described

SERVICE = "orchestrator"
NEEDED = [
    subjects.RUN_EVENTS,
    subjects.DEAD_LETTERS,
    f"{subjects.WORK}/{subjects.ORCHESTRATOR_COMMANDS}",
    f"{subjects.WORK}/{subjects.ORCHESTRATOR_DONE}",
]
HANDLER_LIMIT_SECONDS = 120.0
HEARTBEAT_SECONDS = 5.0
STOP_SECONDS = 3.0


async def serve(stopping: asyncio.Event) -> None:
    """Runs the orchestrator until `stopping` is set."""
    log = logs.configure(SERVICE, LogSettings())
    broker_settings, registry = NatsSettings(), load_registry()
    connection = Connection(SERVICE, broker_settings, log)
    store = Store(MongoSettings())
    readiness = Readiness(connection, store, NEEDED)
    keeper = Keeper(readiness, connection, store, broker_settings, registry, log)
    health = HealthServer(HealthSettings(), readiness)
    await health.start()
    try:
        if await unless_stopped(stopping, _ready(connection, keeper)):
            await _work(connection, store, registry, keeper, stopping, log)
    finally:
        await connection.close()
        await health.stop()
        store.close()


async def _ready(connection: Connection, keeper: Keeper) -> None:
    await connection.open()
    await connection.broker.start()
    await keeper.until_ready()


async def _work(
    connection: Connection, store: Store, registry: Registry, keeper: Keeper, stopping: asyncio.Event, log: Logger
) -> None:
    """Takes triggers and sweeps until the stop; then takes no more, and hands over what does not end soon."""
    settings = OrchestratorSettings()
    publisher = Publisher(connection.client)
    handlers = _handlers(store, publisher, registry, settings, log)
    triggers = Triggers(connection, settings.orchestrator_workers, log)
    triggers.add(subjects.ORCHESTRATOR_COMMANDS, handlers.on_command)
    triggers.add(subjects.ORCHESTRATOR_DONE, handlers.on_done)
    sweeper = Sweeper(store, publisher, connection.client, settings, log)
    alive = say_alive(connection, SERVICE, HEARTBEAT_SECONDS, log)
    duties = (*triggers.duties, _sweep(sweeper, settings, log), alive, keeper.watch())
    background = [asyncio.create_task(duty) for duty in duties]
    log.info("serving")
    try:
        await stop_or_failure(stopping, background)
    finally:
        await triggers.stop(STOP_SECONDS)
        await cancel_all(background)


def _handlers(
    store: Store, publisher: Publisher, registry: Registry, settings: OrchestratorSettings, log: Logger
) -> Handlers:
    asking, closing, giving = Asking(Router(registry), settings), Closing(store, publisher), Giving(store, publisher)
    effects = Effects(store, publisher, asking)
    conversations = ConversationLooks(store, effects, closing, giving, asking, settings)
    runs = RunLooks(store, publisher, effects, conversations)
    give_up = LookGiveUps(store, publisher, runs, conversations, effects, log)
    settlement = Settlement(log, give_up, ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    return Handlers(store, runs, conversations, closing, settlement)


async def _sweep(sweeper: Sweeper, settings: OrchestratorSettings, log: Logger) -> None:
    """Sweeps for ever; what is away now is swept next time."""
    while True:
        await asyncio.sleep(settings.sweep_period_seconds)
        try:
            await sweeper.sweep()
        except TransientError as error:
            log.warning("sweep put off", error=str(error))
        except Exception as error:
            log.error("sweep failed", error=described(error), exc_info=error)
