"""The summarizer, wired: FastStream subscribers, readiness, heartbeat. Objects are built here and handed down."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import orjson
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from shared import logs
from shared.contracts.record import iso, now
from shared.health import HealthServer
from shared.messaging import subjects
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.process import stop_or_failure
from shared.readiness import Readiness
from shared.routing import Registry, load_registry
from shared.settings import HealthSettings, LogSettings, MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.streams import ACK_WAIT_SECONDS
from summarizer.effects import Effects
from summarizer.errors import TopologyGone
from summarizer.handlers import GiveUps, Handlers
from summarizer.looks import ReportLooks
from summarizer.settings import SummarizerSettings
from summarizer.sharing import SharedLooks

SERVICE = "summarizer"
NEEDED = [
    subjects.RUN_EVENTS,
    subjects.DEAD_LETTERS,
    f"{subjects.WORK}/{subjects.SUMMARIZER_REPORTS}",
    f"{subjects.WORK}/{subjects.SUMMARIZER_DONE}",
]
HANDLER_LIMIT_SECONDS = 120.0
PULL_SECONDS = 5.0
GRACE_SECONDS = 10.0
WAIT_FOR_TOPOLOGY_SECONDS = 0.5
LOOKS_AT_ONCE = 2

Handler = Callable[[Msg], Awaitable[None]]


async def serve(stopping: asyncio.Event) -> None:
    """Runs the summarizer until `stopping` is set. Raises what ends it: TopologyGone, a failure to connect."""
    log = logs.configure(SERVICE, LogSettings())
    settings = SummarizerSettings()
    connection = Connection(SERVICE, NatsSettings(), log, graceful_timeout=GRACE_SECONDS)
    store = Store(MongoSettings())
    health = HealthServer(HealthSettings(), Readiness(connection, store, NEEDED))
    await health.start()
    try:
        working = asyncio.create_task(work(connection, store, load_registry(), settings, log))
        await stop_or_failure(stopping, [working])
    finally:
        await connection.close()
        await health.stop()
        store.close()


async def work(
    connection: Connection, store: Store, registry: Registry, settings: SummarizerSettings, log: logs.Logger
) -> None:
    """Waits for what is needed, subscribes, and then says every few seconds that it lives, until it is cancelled."""
    publisher = Publisher(await connection.open())
    looks = ReportLooks(store, Effects(store, publisher), registry, settings.reserved_output_tokens, log)
    settlement = Settlement(log, GiveUps(publisher), ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    readiness = Readiness(connection, store, NEEDED)
    await _wait_for_topology(readiness, log)
    _subscribe(
        connection.broker, Handlers(SharedLooks(looks.look, LOOKS_AT_ONCE), settlement), settings.summarizer_workers
    )
    await connection.broker.start()
    log.info("serving")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_say_alive(connection, settings.summarizer_heartbeat_seconds))
        tasks.create_task(_watch(readiness, settings.summarizer_watch_seconds))


async def _wait_for_topology(readiness: Readiness, log: logs.Logger) -> None:
    """Returns when all that is needed is there: a durable made by the client itself would have other bounds."""
    told: list[str] = []
    while missing := await readiness():
        if missing != told:
            log.warning("waiting", missing=missing)
            told = missing
        await asyncio.sleep(WAIT_FOR_TOPOLOGY_SECONDS)


def _subscribe(broker: NatsBroker, handlers: Handlers, workers: int) -> None:
    """One subscriber a durable. A batch of one: a parked message would burn its ack_wait (research/engine.md)."""
    triggers = (
        (subjects.REPORTS, subjects.SUMMARIZER_REPORTS, handlers.on_report_requested),
        (subjects.DONE_SUMMARIZER, subjects.SUMMARIZER_DONE, handlers.on_generation_stored),
    )
    for subject, durable, handler in triggers:
        subscriber = broker.subscriber(
            subject,
            stream=JStream(name=subjects.WORK, declare=False),
            durable=durable,
            config=ConsumerConfig(durable_name=durable),
            pull_sub=PullSub(batch_size=1, timeout=PULL_SECONDS),
            max_workers=workers,
            ack_policy=AckPolicy.MANUAL,
            decoder=_raw,
        )
        subscriber(handler)


async def _raw(message: NatsMessage) -> Msg:
    """Handlers get the message as it came: it is parsed by its contract, once, and settled by hand."""
    return message.raw_message


async def _say_alive(connection: Connection, seconds: float) -> None:
    """Tells the gateway's health page that this process lives."""
    while True:
        if connection.connected:
            heartbeat = {"service": SERVICE, "pid": os.getpid(), "at": iso(now())}
            await connection.client.publish(subjects.heartbeat(SERVICE), orjson.dumps(heartbeat))
        await asyncio.sleep(seconds)


async def _watch(readiness: Readiness, seconds: float) -> None:
    """Raises TopologyGone where what is pulled from is not there: the pull loop would spin without saying so."""
    while True:
        await asyncio.sleep(seconds)
        gone = sorted(set(await readiness()) & set(NEEDED))
        if gone:
            raise TopologyGone(gone)
