"""An llm-runner and a summarizer that keep section 4 of the turn protocol, and call a script, not a model."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nats.aio.msg import Msg

from llm_runner.results import done
from shared.contracts.enums import EndedReason, EntryKind, JudgementStatus, Purpose, Stage, Wanted
from shared.contracts.events import AttemptStarted, MessageAdded, ReportReady
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import new_id
from shared.contracts.judgement import Judgement
from shared.contracts.reports import Report, Statistics
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure, Usage
from shared.contracts.work import GenerationRequested, GenerationStored, ReportRequested, UsageAppeared
from shared.errors import NotYet, Taken
from shared.messaging.publisher import Publisher
from shared.run_endings import end_run
from shared.storage import Store
from support.builders import message, result_of, usage_row

PRICE = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=15_000)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brings: a text, a verdict (of a judge), or a failure for good."""

    text: str = "hello"
    usage: Usage = PRICE
    finding: EndedReason | None = None
    status: JudgementStatus | None = JudgementStatus.INCOMPLETE
    failure: Failure | None = None


Script = Callable[[GenerationRequested], Awaitable[Answer]]


async def small_talk(job: GenerationRequested) -> Answer:
    """Every message says where it stands; no judge is ever content."""
    return Answer(f"{job.conversation_id} says {job.seq}")


class ScriptedRunner:
    """One job at a time as llm-runner does it; `calls` counts what the model was asked, by generation key."""

    def __init__(self, store: Store, publisher: Publisher, script: Script) -> None:
        self._store = store
        self._publisher = publisher
        self.script = script
        self.calls: Counter[str] = Counter()

    async def on_job(self, message: Msg) -> None:
        job = GenerationRequested.model_validate_json(message.data)
        first = message.metadata.num_delivered == 1 and not job.renewed
        try:
            told = await self._standing(job) or await self._generated(job, first)
        except NotYet as error:
            await message.nak(delay=error.retry_after.total_seconds())
            return
        await self._publisher.done(told, job.done_subject)
        await message.ack_sync(timeout=5)

    async def _standing(self, job: GenerationRequested) -> GenerationStored | None:
        """The done of a result that stands already, or of a conversation that has ended; None where a call is owed."""
        entries = await self._store.entries.transcript(str(job.conversation_id))
        for entry in entries:
            if entry.kind is EntryKind.MESSAGE and entry.seq == job.seq and job.purpose is Purpose.TURN:
                return await self._told(job, entry, first=False)
        generation = await self._store.generations.get(job.key)
        if generation is not None:
            return done(job, generation, entries, first=False)
        control = await self._store.runs.control(job.run_id)
        if (entries and entries[-1].kind is EntryKind.ENDED) or (control and control.wanted is Wanted.CANCEL):
            return done(job, None, entries, first=False)
        if len(entries) < (job.seq if job.purpose is Purpose.JUDGE else job.seq - 1):
            raise NotYet(f"what {job.key} needs")
        return None

    async def _generated(self, job: GenerationRequested, first: bool) -> GenerationStored:
        attempt = new_id()
        await self._publisher.event(_attempt_started(job, attempt))
        self.calls[job.key] += 1
        answer = await self.script(job)
        try:
            if job.purpose is Purpose.TURN and answer.failure is None:
                entry = _entry(job, answer, attempt)
                await self._store.entries.insert(entry)
                return await self._told(job, entry, first)
            generation = _generation(job, answer, attempt)
            await self._store.generations.insert(generation)
        except Taken:
            await self._store.usage.insert(_beaten(job, answer, attempt))
            await self._publisher.work(
                UsageAppeared(run_id=job.run_id, at=now(), conversation_id=str(job.conversation_id), attempt=attempt)
            )
            return await self._standing(job) or done(job, None, (), first=False)
        return done(job, generation, (), first=first)

    async def _told(self, job: GenerationRequested, entry: Entry, first: bool) -> GenerationStored:
        """Publishes the message's fact, and makes the done that proves it."""
        sequence = await self._publisher.event(MessageAdded.of(entry))
        entries = await self._store.entries.transcript(entry.conversation_id)
        return done(job, entry, entries, first=first, event_sequence=sequence)


class ScriptedSummarizer:
    """Writes a report without prose and ends the run."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher

    async def on_report(self, message: Msg) -> None:
        asked = ReportRequested.model_validate_json(message.data)
        run = await self._store.runs.get(asked.run_id)
        assert run is not None
        report = _report(run)
        try:
            await self._store.reports.insert(report)
        except Taken:
            report = await self._store.reports.get(run.id) or report
        await self._publisher.event(ReportReady(run_id=run.id, at=report.created_at, status="ready"))
        await end_run(self._store, self._publisher, run.id)
        await message.ack_sync(timeout=5)


def _report(run: Run) -> Report:
    total = run.total
    statistics = Statistics(
        total=total, succeeded=0, unsuccessful=total, errored=0, failed=0, success_rate=0.0, success_interval=None
    )
    return Report(run_id=run.id, tenant=run.tenant, status="ready", stats=statistics, created_at=now())


def _attempt_started(job: GenerationRequested, attempt: str) -> AttemptStarted:
    return AttemptStarted(
        run_id=job.run_id,
        at=now(),
        conversation_id=job.conversation_id,
        seq=job.seq,
        side=job.side,
        purpose=job.purpose,
        stage=job.stage,
        attempt=attempt,
        attempt_number=1,
        provider=job.provider,
        model=job.model,
    )


def _entry(job: GenerationRequested, answer: Answer, attempt: str) -> Entry:
    said = {"side": job.side, "attempt": attempt, "usage": answer.usage, "finding": answer.finding}
    return message(str(job.conversation_id), job.seq, answer.text, run_id=job.run_id, **said)


def _generation(job: GenerationRequested, answer: Answer, attempt: str) -> Generation:
    """A judge's answer whose status is None did not parse: it is stored without a judgement."""
    judged = job.purpose is Purpose.JUDGE and answer.failure is None and answer.status is not None
    judgement = (
        Judgement(seq=job.seq, stage=Stage(str(job.stage)), status=answer.status, confidence=0.9)
        if judged and answer.status
        else None
    )
    return result_of(
        job,
        content=None if answer.failure else answer.text,
        judgement=judgement,
        failure=answer.failure,
        attempt=None if answer.failure else attempt,
        usage=Usage() if answer.failure else answer.usage,
    )


def _beaten(job: GenerationRequested, answer: Answer, attempt: str) -> UsageRow:
    route = {"provider": job.provider, "model": job.model, "conversation_id": job.conversation_id}
    return usage_row(job.run_id, job.key, job.purpose, id=attempt, usage=answer.usage, **route)
