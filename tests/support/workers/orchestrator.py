"""The orchestrator as its app wires it, in this process, on the servers of a `WorkerEnvironment`.

Beside it stand a scripted llm-runner and summarizer. What a test replaces is set before `playing` begins.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property

from nats.aio.client import Client
from nats.aio.msg import Msg

from invariants import Event, Witness, assert_all, events_of
from orchestrator.app import handlers_of
from orchestrator.settings import OrchestratorSettings
from orchestrator.sweeper import Sweeper
from shared.contracts import subjects
from shared.contracts.enums import EndedReason, Lane, Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested, RunCommanded
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.publisher import Publisher
from shared.messaging.subscriptions import FastSubscription, settled_by
from shared.storage import Store
from support.eventually import PATIENCE_SECONDS, eventually
from support.work_left import work_left
from support.workers.environment import LOG, WorkerEnvironment
from support.workers.pump import Handler, pumped
from support.workers.scripted_runner import Script, ScriptedRunner, ScriptedSummarizer, small_talk


@dataclass
class Orchestrator:
    """What a test plays with. `failing_store` and `own_publisher` are the orchestrator's alone."""

    workers: WorkerEnvironment
    script: Script = small_talk
    settings: OrchestratorSettings = field(default_factory=OrchestratorSettings)
    failing_store: Store | None = None
    own_publisher: Publisher | None = None

    def __post_init__(self) -> None:
        self.publisher = self.workers.publisher

    @property
    def store(self) -> Store:
        return self.workers.store

    @property
    def client(self) -> Client:
        return self.workers.client

    @cached_property
    def runner(self) -> ScriptedRunner:
        return ScriptedRunner(self.store, self.publisher, self.script)

    @cached_property
    def sweeper(self) -> Sweeper:
        return Sweeper(self.store, self.publisher, self.client, self.settings, LOG)

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

    async def played(self, run: Run) -> Run:
        """A run from its start to its end."""
        async with self.playing():
            return await self.ended((await self.start(run)).id)

    async def run(self, run_id: str) -> Run:
        run = await self.store.runs.get(run_id)
        assert run is not None
        return run

    async def ended(self, run_id: str) -> Run:
        """The run at rest, when no look was given up and every invariant holds."""
        ended = await self.at_rest(run_id)
        letters = await self.workers.broker.dead_letters()
        assert [letter for letter in letters if letter["type"] == "look.given-up"] == []
        await assert_all(Witness(self.store, self.client), run_id)
        return ended

    async def at_rest(self, run_id: str) -> Run:
        """The run when it has ended and `WORK` holds nothing."""

        async def over() -> bool:
            return (await self.run(run_id)).end_sequence is not None and await self.workers.broker.owed() == 0

        await eventually(over, f"the end of {run_id}")
        return await self.run(run_id)

    async def ended_conversations(self, run_id: str, number: int) -> None:
        """Returns when at least so many conversations of the run are counted."""

        async def counted() -> bool:
            return len((await self.run(run_id)).ended) >= number

        await eventually(counted, f"{number} ended conversations of {run_id}")

    async def first_job(self) -> None:
        """Returns when jobs are all that is left in WORK, and some are."""

        async def waits() -> bool:
            waiting = await work_left(self.client)
            return bool(waiting) and all(subject.startswith("llm.do.") for subject in waiting)

        await eventually(waits, "a job")

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

    async def events(self, of: Run) -> list[Event]:
        return await events_of(self.client, of.id)

    async def texts(self, run: Run) -> list[list[str | None]]:
        """What was said in each conversation, up to the message that decided its end."""
        said = []
        for *messages, end in await self.transcripts(run):
            said.append([entry.content for entry in messages][: end.decided_by or len(messages)])
        return said

    async def transcripts(self, run: Run) -> list[list[Entry]]:
        ids = [run.conversation_id(index) for index in range(1, run.total + 1)]
        found = await self.store.entries.of_conversations(ids)
        return [found[one] for one in ids]

    async def ends(self, run: Run) -> list[Entry]:
        """The last entry of each conversation."""
        return [entries[-1] for entries in await self.transcripts(run)]

    async def causes(self, run: Run) -> list[tuple[EndedReason | None, str | None]]:
        """Why each conversation ended, and the code of its error."""
        return [(end.ended_reason, end.error.code if end.error else None) for end in await self.ends(run)]

    @asynccontextmanager
    async def playing(self, runner: bool = True) -> AsyncIterator[None]:
        """Every trigger is pulled and handled within the block; `runner` says whether jobs are, too."""
        store, publisher = self.failing_store or self.store, self.own_publisher or self.publisher
        handlers, settlement = handlers_of(store, publisher, self.workers.registry, self.settings, LOG)
        middleware, counts = [settled_by(settlement)], DeliveryCounts(0)
        taken: dict[str, Handler] = {
            subjects.ORCHESTRATOR_COMMANDS: FastSubscription(middleware, handlers.on_command, counts).consume,
            subjects.ORCHESTRATOR_DONE: FastSubscription(middleware, handlers.on_done, counts).consume,
            subjects.SUMMARIZER_REPORTS: ScriptedSummarizer(self.store, self.publisher).on_report,
        }
        if runner:
            taken[subjects.lane_durable("demo", Lane.BATCH)] = self.runner.on_job
        async with pumped(self.client, taken):
            yield
