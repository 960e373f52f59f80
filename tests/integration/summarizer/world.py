"""Runs that are over, on the real servers, and a stand-in for llm-runner that answers the report's jobs."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NothingToFetch
from nats.js import JetStreamContext

from shared.cancellation import cancel_all
from shared.contracts import subjects
from shared.contracts.conversations import Conversation
from shared.contracts.enums import EndedReason, Lane, Wanted
from shared.contracts.generations import Generation
from shared.contracts.identity import new_id
from shared.contracts.model import Message
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, Usage
from shared.contracts.work import GenerationRequested, GenerationStored, ReportRequested
from shared.logs import Logger
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.routing import Registry, Router
from shared.settings import HealthSettings, MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from summarizer.app import serve
from summarizer.effects import Effects
from summarizer.facts import read_conversations, read_report
from summarizer.looks import ReportLooks
from summarizer.played_run import PlayedRun
from summarizer.settings import ProcessSettings
from support.builders import ANYBODY, ended, result_of
from support.eventually import eventually
from support.work_left import work_left
from unit.summarizer.played_runs import BEGUN, RUN, message, run_of, scenario

PATIENCE_SECONDS = 20
POLL_SECONDS = 0.02
TURN_USAGE = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=1_000)
REPORT_USAGE = Usage(prompt_tokens=100, completion_tokens=50, cost_nanos=20_000)
LOG: Logger = structlog.get_logger("test")

Answer = str | Failure


def registry(context_window: int) -> Registry:
    model = {"contextWindow": context_window, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
    return Registry.model_validate(
        {"providers": {"demo": {"baseUrl": "http://nowhere", "models": {"demo-fast": model}}}}
    )


def draft(**changes: Any) -> str:
    """What a writer that works answers."""
    mode = {
        "tag": "no_confirmation",
        "description": "It never confirms.",
        "conversationIds": [f"{RUN}-2"],
        "evidence": [
            {"conversationId": f"{RUN}-2", "seq": 2, "quote": "No idea."},
            {"conversationId": f"{RUN}-2", "seq": 2, "quote": "I never said that."},
        ],
    }
    whole = {
        "summary": "One in two.",
        "failureModes": [mode],
        "revisedPrompt": "You are a helpful assistant.\nConfirm refunds.",
        "rationale": "It never confirmed.",
    }
    return json.dumps(whole | changes)


@dataclass
class World:
    """One run that is over but for its report, and everything around it."""

    store: Store
    mongo: MongoSettings
    connection: Connection
    registry: Registry
    publisher: Publisher
    answers: dict[str | None, Answer] = field(default_factory=dict)
    jobs: list[GenerationRequested] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.connection.client

    @property
    def looks(self) -> ReportLooks:
        return ReportLooks(self.store, Effects(self.store, self.publisher), Router(self.registry), 600, LOG)

    async def play(self, run: Run, reasons: Sequence[EndedReason], text: str = "No idea.") -> None:
        """Stores a run whose conversations have two messages each and ended for these reasons."""
        await self.store.runs.insert(run.model_copy(update={"ended": ()}))
        for index, reason in enumerate(reasons, 1):
            await self._play_conversation(index, reason, text)
            await self.store.runs.count(RUN, index, reason is EndedReason.ERROR, None)

    async def _play_conversation(self, index: int, reason: EndedReason, text: str) -> None:
        await self.store.conversations.insert(
            Conversation(
                id=f"{RUN}-{index}",
                run_id=RUN,
                tenant="default",
                index=index,
                started_at=BEGUN,
                clock_started_at=BEGUN,
                deadline_at=BEGUN,
            )
        )
        for seq, said in enumerate(("My money, please.", text), 1):
            spoken = message(index, seq, said, latency_ms=100).model_copy(update={"usage": TURN_USAGE})
            await self.store.entries.insert(spoken)
        decided_by = 2 if reason is EndedReason.GOAL else None
        await self.store.entries.insert(ended(f"{RUN}-{index}", 3, reason, decided_by=decided_by))

    async def want(self, wanted: Wanted) -> None:
        await self.store.runs.set_wanted(ANYBODY, RUN, wanted, 1, now())

    async def ask(self) -> None:
        """Publishes `report.do`, without the id that would make a repetition a duplicate."""
        await self._send(subjects.REPORTS, ReportRequested(run_id=RUN, at=now()))

    async def _send(self, subject: str, sent: Message) -> None:
        await self.client.jetstream().publish(subject, sent.to_json(), headers={"Aw-Run-Id": sent.run_id})

    async def ended(self) -> Run:
        """The run once `run.ended` is out and nothing is left to do."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                run = await self.store.runs.get(RUN)
                if run is not None and run.end_sequence is not None:
                    break
                await asyncio.sleep(POLL_SECONDS)
        await self.settled()
        return run

    async def settled(self) -> None:
        """Returns once no work is left."""
        await eventually(self._no_work, "no work is left")

    async def _no_work(self) -> bool:
        return not await work_left(self.client)

    async def events(self) -> list[str]:
        """The types of the run's events, in order."""
        stored = history.read(self.client, subjects.RUN_EVENTS, subjects.events(RUN))
        return [json.loads(one.data)["type"] async for one in stored]

    async def dead_letters(self) -> list[dict[str, Any]]:
        stored = history.read(self.client, subjects.DEAD_LETTERS, "dlq.>")
        return [json.loads(one.data) async for one in stored]

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """llm-runner's stand-in: stores what is scripted for a job's stage, says done, acknowledges."""
        async with running(self._answer_jobs()):
            yield

    async def _answer_jobs(self) -> None:
        durable = subjects.lane_durable("demo", Lane.BATCH)
        subject = subjects.jobs("demo", Lane.BATCH)
        subscription = await self.client.jetstream().pull_subscribe(subject, durable, stream=subjects.WORK)
        try:
            while True:
                for job in await fetched(subscription):
                    await self._answer(job)
        finally:
            # What arrives for it later would keep the connection from draining.
            await subscription.unsubscribe()

    async def _answer(self, delivered: Msg) -> None:
        job = GenerationRequested.model_validate_json(delivered.data)
        self.jobs.append(job)
        stage = None if job.stage is None else job.stage.partition("-")[0]
        await self.store.generations.insert(stored_answer(job, self.answers[stage]))
        done = GenerationStored(run_id=job.run_id, at=now(), purpose=job.purpose, stage=job.stage, first=True)
        await self.publisher.done(done, job.done_subject)
        await delivered.ack_sync()


async def fetched(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    """The next job, or none within a second."""
    try:
        return await subscription.fetch(1, timeout=1)
    except NothingToFetch:
        return []


def stored_answer(job: GenerationRequested, answer: Answer) -> Generation:
    failed = isinstance(answer, Failure)
    return result_of(
        job,
        content=None if failed else str(answer),
        failure=answer if isinstance(answer, Failure) else None,
        provider=job.provider,
        model=job.model,
        attempt=f"attempt-{job.stage}",
        usage=Usage() if failed else REPORT_USAGE,
    )


@asynccontextmanager
async def world(nats_url: str, mongo_url: str, context_window: int = 32_000) -> AsyncIterator[World]:
    """Servers with streams, durables and indexes, and a database of its own. Nothing runs yet."""
    nats = NatsSettings(nats_url=nats_url)
    mongo = MongoSettings(mongo_url=mongo_url, mongo_database=f"summarizer-{new_id()}")
    store = Store(mongo)
    connection = Connection("summarizer-test", nats, LOG)
    models = registry(context_window)
    client = await connection.open()
    await bootstrap(client, store, nats, models)
    try:
        yield World(store, mongo, connection, models, Publisher(client))
    finally:
        await connection.close()
        await store.database.client.drop_database(store.database.name)
        store.close()


@asynccontextmanager
async def running(work_to_do: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs something without an end beside the test."""
    task = asyncio.create_task(work_to_do)
    try:
        yield
        # What ended by itself failed: shown here, not as a later timeout.
        assert not task.done(), task.exception()
    finally:
        assert await cancel_all([task])


@asynccontextmanager
async def summarizer(nats_url: str, mongo: MongoSettings, models: Registry) -> AsyncIterator[None]:
    """The summarizer at work, on connections of its own; stopped as SIGTERM stops it."""
    settings = ProcessSettings(NatsSettings(nats_url=nats_url), mongo, HealthSettings(health_port=-1))
    stopping = asyncio.Event()
    at_work = asyncio.create_task(serve(settings, models, LOG, stopping))
    try:
        yield
        # What ended by itself failed: shown here, not as a later timeout.
        assert not at_work.done(), at_work.exception()
    finally:
        stopping.set()
        await at_work


@asynccontextmanager
async def serving(here: World, nats_url: str) -> AsyncIterator[None]:
    """The summarizer at work, and the stand-in for llm-runner."""
    async with summarizer(nats_url, here.mongo, here.registry), here.answering():
        yield


async def read_material(store: Store, run: Run) -> tuple[PlayedRun, dict[str | None, Generation]]:
    """What a first look at a report reads."""
    return await read_report(store, run, await read_conversations(store, run))


def scale_test(total: int) -> Run:
    return run_of(total, played=scenario(criteria=["polite"]))
