"""A stage for runs: the orchestrator as app.py builds it, the stand-ins beside it, and real servers below."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from integration.orchestrator.stand_ins import Script, StandInRunner, StandInSummarizer, small_talk
from invariants import Witness, assert_all
from orchestrator.closing import Closing
from orchestrator.conversations import ConversationLooks
from orchestrator.effects import Effects
from orchestrator.failed_looks import FailedLooks
from orchestrator.given_messages import GivenMessages
from orchestrator.handlers import Handlers
from orchestrator.job_factory import JobFactory
from orchestrator.runs import RunLooks
from orchestrator.settings import OrchestratorSettings
from orchestrator.sweeper import Sweeper
from shared.cancellation import cancel_all
from shared.contracts import subjects
from shared.contracts.enums import Lane, Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested, RunCommanded
from shared.logs import Logger
from shared.messaging import subscriptions
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.messaging.subscriptions import FastSubscription, settled_by
from shared.routing import Registry, Router
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from shared.topology.streams import ACK_WAIT_SECONDS
from support.builders import registry
from support.eventually import eventually
from support.work_left import work_left

PATIENCE_SECONDS = 20.0
PULL_SECONDS = 0.5
PULL_BATCH = 16

Handler = Callable[[Msg], Awaitable[None]]


def logger() -> Logger:
    return cast(Logger, structlog.get_logger("stage"))


@dataclass
class Stage:
    """What a test plays with. `given_up` holds the looks that were given up: none ever should be."""

    store: Store
    client: Client
    publisher: Publisher
    handlers: Handlers
    settlement: Settlement
    runner: StandInRunner
    summarizer: StandInSummarizer
    sweeper: Sweeper
    given_up: list[str] = field(default_factory=list)

    async def start(self, run: Run) -> Run:
        """What a gateway does with a start."""
        await self.store.runs.insert(run)
        await self.command(run.id, version=1)
        return run

    async def command(self, run_id: str, version: int) -> None:
        await self.publisher.work(RunCommanded(run_id=run_id, at=now(), version=version))

    async def want(self, run_id: str, wanted: Wanted) -> None:
        """What a gateway does with cancel, pause and resume."""
        before = await self.run(run_id)
        after = await self.store.runs.set_wanted(before.owner, run_id, wanted, before.control.version, now())
        assert after is not None
        await self.command(run_id, after.control.version)

    async def run(self, run_id: str) -> Run:
        run = await self.store.runs.get(run_id)
        assert run is not None
        return run

    async def ended(self, run_id: str) -> Run:
        """The run when it has ended and nothing of it is owed any more, with every invariant checked."""

        async def at_rest() -> bool:
            return (await self.run(run_id)).end_sequence is not None and await self.queued() == 0

        await eventually(at_rest, f"the end of {run_id}")
        assert self.given_up == []
        await assert_all(Witness(self.store, self.client), run_id)
        return await self.run(run_id)

    async def queued(self) -> int:
        """How many messages of work WORK holds, those in flight included."""
        return sum((await work_left(self.client)).values())

    async def is_waiting_for_runner(self) -> bool:
        """Whether jobs are all that is left in WORK, and some are."""
        waiting = await work_left(self.client)
        return bool(waiting) and all(subject.startswith("llm.do.") for subject in waiting)

    async def taken_job(self, lane: Lane = Lane.BATCH) -> GenerationRequested:
        """The next job, taken out of its lane."""
        message = await self._job(lane)
        await message.ack_sync(timeout=PATIENCE_SECONDS)
        return GenerationRequested.model_validate_json(message.data)

    async def give_job_back(self, lane: Lane = Lane.BATCH) -> None:
        """Takes the next job and gives it back, as a runner that leaves does."""
        await (await self._job(lane)).nak()

    async def _job(self, lane: Lane) -> Msg:
        jobs = await self.client.jetstream().pull_subscribe_bind(subjects.lane_durable("demo", lane), subjects.WORK)
        (message,) = await jobs.fetch(1, timeout=PATIENCE_SECONDS)
        await jobs.unsubscribe()
        return message

    async def ended_conversations(self, run_id: str, number: int) -> None:
        """Returns when at least so many conversations of the run are counted."""

        async def counted() -> bool:
            return len((await self.run(run_id)).ended) >= number

        await eventually(counted, f"{number} ended conversations of {run_id}")

    async def texts(self, run: Run) -> list[list[str | None]]:
        """What was said in each conversation, up to the message that decided its end."""
        said = []
        for *messages, end in await self.transcripts(run):
            said.append([entry.content for entry in messages][: end.decided_by or len(messages)])
        return said

    async def transcripts(self, run: Run) -> list[list[Entry]]:
        ids = [f"{run.id}-{index}" for index in range(1, run.total + 1)]
        found = await self.store.entries.of_conversations(ids)
        return [found[one] for one in ids]

    def _settled(self, handler: subscriptions.Handler) -> Handler:
        return FastSubscription([settled_by(self.settlement)], handler, DeliveryCounts(0)).consume

    @asynccontextmanager
    async def playing(self, runner: bool = True) -> AsyncIterator[None]:
        """Every trigger is pulled and handled within the block; `runner` says whether jobs are, too."""
        pumps: list[tuple[str, Handler]] = [
            (subjects.ORCHESTRATOR_COMMANDS, self._settled(self.handlers.on_command)),
            (subjects.ORCHESTRATOR_DONE, self._settled(self.handlers.on_done)),
            (subjects.SUMMARIZER_REPORTS, self.summarizer.on_report),
        ]
        if runner:
            pumps.append((subjects.lane_durable("demo", Lane.BATCH), self.runner.on_job))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(_pump(self.client, durable, handler)) for durable, handler in pumps]
            try:
                yield
            finally:
                # Once is not always enough for nats-py: a pump that goes on would never end this block.
                assert await cancel_all(running)


async def _pump(client: Client, durable: str, handler: Handler) -> None:
    subscription = await client.jetstream().pull_subscribe_bind(durable, subjects.WORK)
    try:
        async with asyncio.TaskGroup() as handling:
            while True:
                for message in await _pulled(subscription):
                    handling.create_task(_handled(handler, message))
    finally:
        # A pull that still waits would be given a message that nobody reads.
        await subscription.unsubscribe()


async def _pulled(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    try:
        return await subscription.fetch(PULL_BATCH, timeout=PULL_SECONDS)
    except TimeoutError:
        return []


async def _handled(handler: Handler, message: Msg) -> None:
    await handler(message)


@asynccontextmanager
async def stage(
    store: Store,
    client: Client,
    script: Script = small_talk,
    providers: Registry | None = None,
    settings: OrchestratorSettings | None = None,
    publisher: Publisher | None = None,
    orchestrator_store: Store | None = None,
    orchestrator_publisher: Publisher | None = None,
) -> AsyncIterator[Stage]:
    """Builds everything as app.py does. The orchestrator may get a store and a publisher of its own that fail."""
    providers, settings = providers or registry(), settings or OrchestratorSettings()
    await bootstrap(client, store, NatsSettings(), providers)
    publisher, given_up = publisher or Publisher(client), list[str]()

    async def give_up(message: Msg, error: BaseException) -> None:
        given_up.append(f"{message.subject}: {error!r}")
        await gives_up(message, error)

    own_store, own_publisher = orchestrator_store or store, orchestrator_publisher or publisher
    jobs, closing = JobFactory(Router(providers), settings), Closing(own_store, own_publisher)
    effects = Effects(own_store, own_publisher, jobs)
    looks = ConversationLooks(own_store, effects, closing, GivenMessages(own_store, own_publisher), jobs, settings)
    runs = RunLooks(own_store, own_publisher, effects, looks)
    gives_up = FailedLooks(own_store, own_publisher, runs, looks, effects, logger())
    settlement = Settlement(logger(), give_up, ACK_WAIT_SECONDS, PATIENCE_SECONDS)
    yield Stage(
        store,
        client,
        publisher,
        Handlers(own_store, runs, looks, closing),
        settlement,
        StandInRunner(store, publisher, script),
        StandInSummarizer(store, publisher),
        Sweeper(store, publisher, client, settings, logger()),
        given_up,
    )
