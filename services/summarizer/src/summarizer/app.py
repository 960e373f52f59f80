"""The summarizer, wired: its triggers. Objects are built here and handed down."""

import asyncio

from shared import logs
from shared.contracts import subjects
from shared.logs import Logger
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.messaging.triggers import Triggers
from shared.routing import Registry, Router, load_registry
from shared.settings import LogSettings
from shared.storage import Store
from shared.topology.streams import ACK_WAIT_SECONDS
from shared.worker.worker import Work, Worker
from summarizer.coalesced_looks import CoalescedLooks
from summarizer.effects import Effects
from summarizer.handlers import TRIGGERS, GivenUpTriggers, Handlers
from summarizer.looks import ReportLooks
from summarizer.memory_looks import MemoryLooks
from summarizer.report_endings import ReportEndings
from summarizer.settings import ProcessSettings, SummarizerSettings

SERVICE = "summarizer"
NEEDED = [
    subjects.RUN_EVENTS,
    subjects.DEAD_LETTERS,
    *(f"{subjects.WORK}/{trigger.durable}" for trigger in TRIGGERS),
]
HANDLER_LIMIT_SECONDS = 120.0
LOOKS_AT_ONCE = 2


async def main(stopping: asyncio.Event) -> None:
    """The process: settings from the environment, work until it is asked to stop."""
    await serve(ProcessSettings(), load_registry(), logs.configure(SERVICE, LogSettings()), stopping)


async def serve(settings: ProcessSettings, registry: Registry, log: Logger, stopping: asyncio.Event) -> None:
    """Takes triggers until `stopping` is set; then hands over what does not end soon."""
    worker = Worker(SERVICE, NEEDED, settings, registry, log)

    async def begin() -> Work:
        publisher = Publisher(worker.connection.client)
        handlers, settlement = _handlers(worker.store, publisher, registry, settings.looks, log)
        slots, counts = settings.looks.summarizer_workers, worker.delivery_counts
        triggers = Triggers(worker.connection, counts, settlement, slots, log)
        for trigger in TRIGGERS:
            triggers.add(trigger, handlers)
        return Work(triggers.duties, triggers.stop, heartbeat_seconds=settings.looks.summarizer_heartbeat_seconds)

    await worker.run(begin, stopping)


def _handlers(
    store: Store, publisher: Publisher, registry: Registry, settings: SummarizerSettings, log: Logger
) -> tuple[Handlers, Settlement]:
    router = Router(registry)
    looks = ReportLooks(store, Effects(store, publisher), router, settings.reserved_output_tokens, log)
    memories = MemoryLooks(store, publisher, router, settings.summary_max_tokens, log)
    give_up = ReportEndings(GivenUpTriggers(publisher, memories), looks, store, publisher, log)
    settlement = Settlement(log, give_up, ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    return Handlers(CoalescedLooks(looks.look, LOOKS_AT_ONCE), memories), settlement
