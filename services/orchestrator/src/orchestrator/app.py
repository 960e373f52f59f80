"""The orchestrator, wired: its triggers, the sweeper. Objects are built here and handed down."""

import asyncio

from orchestrator.closing import Closing
from orchestrator.conversations import ConversationLooks
from orchestrator.effects import Effects
from orchestrator.failed_looks import FailedLooks
from orchestrator.given_messages import GivenMessages
from orchestrator.handlers import TRIGGERS, Handlers
from orchestrator.job_factory import JobFactory
from orchestrator.runs import RunLooks
from orchestrator.settings import OrchestratorSettings, ProcessSettings
from orchestrator.sweeper import Sweeper
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

SERVICE = "orchestrator"
NEEDED = [
    subjects.RUN_EVENTS,
    subjects.DEAD_LETTERS,
    *(f"{subjects.WORK}/{trigger.durable}" for trigger in TRIGGERS),
]
HANDLER_LIMIT_SECONDS = 120.0


async def main(stopping: asyncio.Event) -> None:
    """The process: settings from the environment, work until it is asked to stop."""
    await serve(ProcessSettings(), load_registry(), logs.configure(SERVICE, LogSettings()), stopping)


async def serve(settings: ProcessSettings, registry: Registry, log: Logger, stopping: asyncio.Event) -> None:
    """Takes triggers and sweeps until `stopping` is set; then hands over what does not end soon."""
    worker = Worker(SERVICE, NEEDED, settings, registry, log)

    async def begin() -> Work:
        publisher = Publisher(worker.connection.client)
        handlers, settlement = handlers_of(worker.store, publisher, registry, settings.looks, log)
        slots, counts = settings.looks.orchestrator_workers, worker.delivery_counts
        triggers = Triggers(worker.connection, counts, settlement, slots, log)
        for trigger in TRIGGERS:
            triggers.add(trigger, handlers)
        sweeper = Sweeper(worker.store, publisher, worker.connection.client, settings.looks, log)
        return Work((*triggers.duties, sweeper.run()), triggers.stop)

    await worker.run(begin, stopping)


def handlers_of(
    store: Store, publisher: Publisher, registry: Registry, settings: OrchestratorSettings, log: Logger
) -> tuple[Handlers, Settlement]:
    """Who handles the triggers, and how their messages are settled."""
    closing, given = Closing(store, publisher), GivenMessages(store, publisher)
    jobs = JobFactory(Router(registry), settings)
    effects = Effects(store, publisher, jobs)
    conversations = ConversationLooks(store, effects, closing, given, jobs, settings)
    runs = RunLooks(store, publisher, effects, conversations)
    give_up = FailedLooks(store, publisher, runs, conversations, effects, log)
    settlement = Settlement(log, give_up, ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    return Handlers(store, runs, conversations, closing), settlement
