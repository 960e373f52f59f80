"""The orchestrator, wired: FastStream subscribers, the sweeper, readiness. Objects are built here and handed down."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import orjson
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from orchestrator.conversations import ConversationLooks
from orchestrator.effects import Effects
from orchestrator.handlers import Handlers
from orchestrator.runs import RunLooks
from orchestrator.settings import OrchestratorSettings
from orchestrator.sweeper import Sweeper
from shared import logs
from shared.contracts.record import iso, now
from shared.errors import TransientError
from shared.health import HealthServer
from shared.logs import Logger
from shared.messaging import subjects
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import GiveUp, Settlement
from shared.process import stop_or_failure
from shared.readiness import Readiness
from shared.routing import load_registry
from shared.settings import HealthSettings, LogSettings, MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.streams import ACK_WAIT_SECONDS

SERVICE = "orchestrator"
HANDLER_LIMIT_SECONDS = 120.0
HEARTBEAT_SECONDS = 5.0
PULL_SECONDS = 5.0

Handler = Callable[[Msg], Awaitable[None]]


async def serve(stopping: asyncio.Event) -> None:
    """Runs the orchestrator until `stopping` is set."""
    log = logs.configure(SERVICE, LogSettings())
    settings = OrchestratorSettings()
    connection = Connection(SERVICE, NatsSettings(), log, graceful_timeout=10.0)
    store = Store(MongoSettings())
    client = await connection.open()
    publisher = Publisher(client)
    effects = Effects(store, publisher, load_registry(), settings)
    conversations = ConversationLooks(store, effects)
    settlement = Settlement(log, _give_up(log), ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    handlers = Handlers(store, RunLooks(store, publisher, conversations), conversations, effects, settlement)
    _subscribe(connection.broker, handlers, settings)
    needed = [f"WORK/{durable}" for durable in (subjects.ORCHESTRATOR_COMMANDS, subjects.ORCHESTRATOR_DONE)]
    readiness = Readiness(connection, store, [subjects.RUN_EVENTS, *needed])
    health = HealthServer(HealthSettings(), readiness)
    await health.start()
    await readiness.until_ready(log)
    await connection.broker.start()
    sweeper = Sweeper(store, publisher, client, settings, log)
    duties = (_sweep(sweeper, settings, log), _say_alive(client), readiness.watch())
    background = [asyncio.create_task(duty) for duty in duties]
    log.info("serving")
    await stop_or_failure(stopping, background)
    await connection.close()
    await health.stop()
    store.close()


def _subscribe(broker: NatsBroker, handlers: Handlers, settings: OrchestratorSettings) -> None:
    """One subscriber a durable. A batch of one: a parked message would burn its ack_wait (research/engine.md)."""
    stream = JStream(name=subjects.WORK, declare=False)
    triggers = (
        (subjects.COMMANDS, subjects.ORCHESTRATOR_COMMANDS, handlers.on_command),
        (subjects.DONE_ORCHESTRATOR, subjects.ORCHESTRATOR_DONE, handlers.on_done),
    )
    for subject, durable, handler in triggers:
        subscriber = broker.subscriber(
            subject,
            stream=stream,
            durable=durable,
            config=ConsumerConfig(durable_name=durable),
            pull_sub=PullSub(batch_size=1, timeout=PULL_SECONDS),
            max_workers=settings.orchestrator_workers,
            ack_policy=AckPolicy.MANUAL,
            decoder=_raw,
        )
        subscriber(handler)


async def _raw(message: NatsMessage) -> Msg:
    """Handlers get the message as it came: it is parsed by its contract, once, and settled by hand."""
    return message.raw_message


def _give_up(log: Logger) -> GiveUp:
    """What is owed of a message that is given up: the truth is in the store, and the sweeper looks at it again."""

    async def give_up(message: Msg, error: BaseException) -> None:
        log.error("look given up", subject=message.subject, payload=message.data.decode(), error=repr(error))

    return give_up


async def _sweep(sweeper: Sweeper, settings: OrchestratorSettings, log: Logger) -> None:
    """Sweeps for ever; what is away now is swept next time."""
    while True:
        await asyncio.sleep(settings.sweep_period_seconds)
        try:
            await sweeper.sweep()
        except TransientError as error:
            log.warning("sweep put off", error=str(error))


async def _say_alive(client: Client) -> None:
    """Tells the gateway's health page every few seconds that this process lives."""
    while True:
        heartbeat = {"service": SERVICE, "pid": os.getpid(), "at": iso(now())}
        await client.publish(subjects.heartbeat(SERVICE), orjson.dumps(heartbeat))
        await asyncio.sleep(HEARTBEAT_SECONDS)
