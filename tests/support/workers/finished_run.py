"""A run whose conversations have ended, the summarizer that reports on it, and answers for its jobs from a script."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.contracts.conversations import Conversation
from shared.contracts.enums import EndedReason, Lane, Wanted
from shared.contracts.generations import Generation
from shared.contracts.reports import Report
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, Usage
from shared.contracts.work import GenerationRequested, GenerationStored, ReportRequested
from shared.routing import Registry, Router
from shared.storage import Store
from summarizer.effects import Effects
from summarizer.facts import read_conversations, read_report
from summarizer.looks import ReportLooks
from summarizer.played_run import PlayedRun
from support.builders import ANYBODY, ended, result_of
from support.eventually import eventually
from support.workers.environment import LOG, WorkerEnvironment
from support.workers.pump import pumped
from unit.summarizer.played_runs import BEGUN, RUN, message, run_of, scenario

TURN_USAGE = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=1_000)
REPORT_USAGE = Usage(prompt_tokens=100, completion_tokens=50, cost_nanos=20_000)

Answer = str | Failure


def registry(context_window: int = 32_000) -> Registry:
    model = {"contextWindow": context_window, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
    return Registry.model_validate(
        {"providers": {"demo": {"baseUrl": "http://nowhere", "models": {"demo-fast": model}}}}
    )


def scale_test(total: int) -> Run:
    return run_of(total, played=scenario(criteria=["polite"]))


def draft(**changes: Any) -> str:
    """What a writer that works answers."""
    quotes = ("No idea.", "I never said that.")
    mode = {
        "tag": "no_confirmation",
        "description": "It never confirms.",
        "conversationIds": [f"{RUN}-2"],
        "evidence": [{"conversationId": f"{RUN}-2", "seq": 2, "quote": quote} for quote in quotes],
    }
    whole = {
        "summary": "One in two.",
        "failureModes": [mode],
        "revisedPrompt": "You are a helpful assistant.\nConfirm refunds.",
        "rationale": "It never confirmed.",
    }
    return json.dumps(whole | changes)


@dataclass
class FinishedRun:
    """The run `RUN`; `answers` are those of its report's jobs, by stage, and `jobs` those that were asked for."""

    workers: WorkerEnvironment
    answers: dict[str | None, Answer] = field(default_factory=lambda: {None: draft()})
    jobs: list[GenerationRequested] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.workers.store

    @property
    def client(self) -> Client:
        return self.workers.client

    @property
    def effects(self) -> Effects:
        return Effects(self.store, self.workers.publisher)

    @property
    def looks(self) -> ReportLooks:
        return ReportLooks(self.store, self.effects, Router(self.workers.registry), 600, LOG)

    async def play(self, reasons: Sequence[EndedReason], run: Run | None = None, text: str = "No idea.") -> None:
        """Stores a run whose conversations have two messages each and ended for these reasons."""
        made = run or scale_test(len(reasons))
        await self.store.runs.insert(made.model_copy(update={"ended": ()}))
        for index, reason in enumerate(reasons, 1):
            await self._play_conversation(index, reason, text)
            await self.store.runs.count(RUN, index, reason is EndedReason.ERROR, None)

    async def _play_conversation(self, index: int, reason: EndedReason, text: str) -> None:
        identity = f"{RUN}-{index}"
        began = {"started_at": BEGUN, "clock_started_at": BEGUN, "deadline_at": BEGUN}
        begun = {"id": identity, "run_id": RUN, "tenant": "default", "index": index} | began
        await self.store.conversations.insert(Conversation.model_validate(begun))
        for seq, said in enumerate(("My money, please.", text), 1):
            spoken = message(index, seq, said, latency_ms=100).model_copy(update={"usage": TURN_USAGE})
            await self.store.entries.insert(spoken)
        decided_by = 2 if reason is EndedReason.GOAL else None
        await self.store.entries.insert(ended(identity, 3, reason, decided_by=decided_by))

    async def want(self, wanted: Wanted) -> None:
        await self.store.runs.set_wanted(ANYBODY, RUN, wanted, 1, now())

    async def ask(self) -> None:
        """Publishes `report.do`, without the id that would make a repetition a duplicate."""
        asked = ReportRequested(run_id=RUN, at=now())
        await self.client.jetstream().publish(subjects.REPORTS, asked.to_json(), headers={"Aw-Run-Id": RUN})

    async def run(self) -> Run:
        run = await self.store.runs.get(RUN)
        assert run is not None
        return run

    async def report(self) -> Report:
        report = await self.store.reports.get(RUN)
        assert report is not None
        return report

    async def reported(self, *reasons: EndedReason, run: Run | None = None) -> Report:
        """The report of a run whose conversations ended for these reasons, once the run has ended."""
        await self.play(reasons, run)
        await self.ask()
        await self.ended()
        return await self.report()

    async def ended(self) -> Run:
        """The run once `run.ended` is out and nothing is left to do."""

        async def over() -> bool:
            return (await self.run()).end_sequence is not None

        await eventually(over, "the run's end")
        await self.workers.broker.at_rest()
        return await self.run()

    async def events(self) -> list[str]:
        """The types of the run's events, in order."""
        return await self.workers.broker.types(RUN)

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """What is scripted for a job's stage is stored, said to be done, acknowledged."""
        async with pumped(self.client, {subjects.lane_durable("demo", Lane.BATCH): self._answer}):
            yield

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """The summarizer at work, and its jobs answered."""
        async with self.workers.summarizer(), self.answering():
            yield

    async def _answer(self, delivered: Msg) -> None:
        job = GenerationRequested.model_validate_json(delivered.data)
        self.jobs.append(job)
        stage = None if job.stage is None else job.stage.partition("-")[0]
        await self.store.generations.insert(stored_answer(job, self.answers[stage]))
        done = GenerationStored(run_id=job.run_id, at=now(), purpose=job.purpose, stage=job.stage, first=True)
        await self.workers.publisher.done(done, job.done_subject)
        await delivered.ack_sync()


def stored_answer(job: GenerationRequested, answer: Answer) -> Generation:
    route = {"provider": job.provider, "model": job.model, "attempt": f"attempt-{job.stage}"}
    if isinstance(answer, Failure):
        return result_of(job, failure=answer, **route)
    return result_of(job, content=answer, usage=REPORT_USAGE, **route)


async def read_material(store: Store, run: Run) -> tuple[PlayedRun, dict[str | None, Generation]]:
    """What a first look at a report reads."""
    return await read_report(store, run, await read_conversations(store, run))
