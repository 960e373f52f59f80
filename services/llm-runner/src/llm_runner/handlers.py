"""A job, step by step (docs/protocol.md section 4). The transcript is the log, and acknowledging comes last."""

import asyncio
import time
from dataclasses import replace
from datetime import datetime, timedelta

from llm_runner.announcer import Announcer
from llm_runner.attempt import Attempt
from llm_runner.attempt_history import NO_ATTEMPTS, AttemptHistories, AttemptHistory
from llm_runner.call_deadline import CallDeadline, CallLimits, Interrupted, Interruption
from llm_runner.control import interruption_wanted
from llm_runner.deltas import AttemptDeltas, DeltaPublisher
from llm_runner.facts import job_facts
from llm_runner.failover.circuit_breakers import CircuitBreakers
from llm_runner.failover.failed_attempts import FailedAttempts
from llm_runner.failover.tried_routes import roomier, spent_up
from llm_runner.job_context import JobContext
from llm_runner.leased_jobs import LeasedJob
from llm_runner.outcomes import HandedOver, Outcomes
from llm_runner.providers.families import INVALID_MODEL
from llm_runner.providers.provider import Provider, ProviderFailure
from llm_runner.purposes import build_prompt
from llm_runner.purposes.chat import window_for
from llm_runner.results import seen_messages, standing
from llm_runner.settings import CallSettings, RetrySettings
from llm_runner.usage_ledger import UsageLedger
from shared.contracts.enums import Purpose
from shared.contracts.generations import Generation
from shared.contracts.kinds import ANSWER_PURPOSES, MESSAGE_PURPOSES
from shared.contracts.transcript import Entry, Failure
from shared.contracts.work import GenerationRequested
from shared.errors import NotYet, UnknownRun
from shared.settings import ChatSettings
from shared.storage import Store

CONTROL_FRESH_SECONDS = 0.5
NEVER = float("-inf")


class JobHandler:
    """Makes one generation's result durable and known, whoever tried it before, and at most once pays for it."""

    def __init__(
        self,
        store: Store,
        histories: AttemptHistories,
        announcer: Announcer,
        ledger: UsageLedger,
        outcomes: Outcomes,
        failures: FailedAttempts,
        breakers: CircuitBreakers,
        deltas: DeltaPublisher,
        providers: dict[str, Provider],
        calls: CallSettings,
        retries: RetrySettings,
        chats: ChatSettings,
    ) -> None:
        self._store = store
        self._histories = histories
        self._announcer = announcer
        self._ledger = ledger
        self._outcomes = outcomes
        self._failures = failures
        self._breakers = breakers
        self._deltas = deltas
        self._providers = providers
        self._calls = calls
        self._retries = retries
        self._chats = chats

    async def handle(self, leased: LeasedJob) -> None:
        """Returns when the job may be acknowledged. Raises TransientError to have it again, PermanentError for none."""
        context, generation, why, read_at = await self._read(leased)
        job, stands = leased.job, standing(leased.job, context.entries, generation)
        await self._ledger.book_left_out(context, stands.result.attempt if stands.result else None)
        ends = stands.settled or {Interruption.CANCELED, Interruption.STOPPED} & {why, leased.interruption}
        failure = None if ends else self._spent_up(job, context.history)
        if not ends and failure is None:
            await self._attempt(await self._prompted(context), read_at)
            return
        await self._announcer.asked(leased.question)
        if stands.settled:
            await self._announcer.result(job, stands.result, context.entries, found=True)
        elif Interruption.CANCELED in (why, leased.interruption):
            await self._announcer.result(job, None, context.entries)
        elif failure is None:
            await self._outcomes.stopped(context)
        else:
            await self._failures.exhausted(context, failure)

    async def _read(self, leased: LeasedJob) -> tuple[JobContext, Generation | None, Interruption | None, float]:
        """All that is known of a job, what stands under its key, what is wanted of it, and when that was read.

        What is wanted of an answer that nobody tried yet is read with its call about to begin: somebody waits for it.
        """
        job, at_once = leased.job, leased.job.purpose in ANSWER_PURPOSES and not leased.repeated
        read_at = NEVER if at_once else time.monotonic()
        facts, entries, why = await asyncio.gather(
            job_facts(self._store, job),
            self._transcript(leased),
            _nothing() if at_once else self._interruption_wanted(job),
        )
        history, generation = await self._what_was(leased)
        return JobContext(leased, facts, tuple(entries), history=history), generation, why, read_at

    async def broke(self, leased: LeasedJob, error: Exception) -> None:
        """An exception of our own code while the job was worked on. Raises TransientError to have it once more."""
        job = leased.job
        facts, entries, history, generation = await asyncio.gather(
            job_facts(self._store, job),
            self._transcript(leased),
            self._histories.of(job),
            self._store.generations.get(job.key),
        )
        context = JobContext(leased, facts, tuple(entries), history=history)
        await self._announcer.asked(leased.question)
        await self._outcomes.broke(context, leased.attempt, error, standing(job, entries, generation))

    async def give_up(self, leased: LeasedJob, failure: Failure) -> None:
        """The end of a job that was delivered too often without any attempt's fault."""
        facts = await job_facts(self._store, leased.job)
        entries = await self._transcript(leased)
        await self._announcer.asked(leased.question)
        await self._outcomes.given_up(JobContext(leased, facts, tuple(entries)), failure)

    async def _attempt(self, context: JobContext, read_at: float) -> None:
        job = context.job
        target = f"{job.provider}/{job.model}"
        if not await self._breakers.admits(target):
            await self._announcer.asked(context.leased.question)
            await self._failures.left_alone(context, self._waited_for_until(context))
            return
        provider = self._providers[job.provider]
        model = provider.entry.models[job.model]
        asked = roomier(job, context.history, model)
        window = window_for(model, self._chats.chat_window_tokens, asked.max_tokens)
        prompt = build_prompt(
            asked, context.facts.settings, context.messages, context.facts.seed, context.memory, window
        )
        attempt = context.leased.attempt = Attempt(provider, job.model, prompt, context.history.attempts + 1)
        stale = time.monotonic() - read_at > CONTROL_FRESH_SECONDS
        # Both are published in this order, and the stream keeps it: one need not wait for the other.
        why, _, _ = await asyncio.gather(
            self._interruption_wanted(job) if stale else _nothing(),
            self._announcer.asked(context.leased.question),
            self._announcer.started(context, attempt),
        )
        if why:
            context.leased.interrupt(why)
        try:
            await attempt.call(self._deadline(context), self._deltas_of(job, attempt), self._breakers.on_answer(target))
        except Interrupted as interrupted:
            await self._breakers.interrupted(target)
            await self._outcomes.interrupted(context, attempt, interrupted.why)
        except ProviderFailure as failure:
            await self._breakers.failed(target, failure)
            await self._failures.failed(context, attempt, failure)
        else:
            await self._breakers.succeeded(target)
            await self._announcer.tools_asked(context, attempt)
            await self._outcomes.stored(context, attempt, attempt.finish_reason)

    def _deadline(self, context: JobContext) -> CallDeadline:
        calls, job = self._calls, context.job
        first = self._providers[job.provider].entry.models[job.model].first_token_seconds
        limits = CallLimits(
            first or calls.call_first_token_seconds, calls.call_between_tokens_seconds, calls.total(job.purpose)
        )
        deadline = CallDeadline(job.provider, limits)
        context.leased.calls(deadline)
        return deadline

    def _waited_for_until(self, context: JobContext) -> datetime:
        """When nobody waits any more for a job's result: whoever asked, or the conversation that has no more time."""
        job, settings = context.job, context.facts.settings
        if settings is None or job.purpose in ANSWER_PURPOSES:
            # A person is told rather than kept waiting for longer than a model may take to its first token.
            return job.first_job_at + timedelta(seconds=self._calls.call_first_token_seconds)
        began = job.conversation_started_at or job.first_job_at
        return began + timedelta(seconds=settings.time_limit_seconds)

    def _deltas_of(self, job: GenerationRequested, attempt: Attempt) -> AttemptDeltas | None:
        """Only what a person reads is published as it comes."""
        if job.purpose not in MESSAGE_PURPOSES or job.conversation_id is None:
            return None
        return self._deltas.attempt(job, job.conversation_id, attempt.id)

    def _spent_up(self, job: GenerationRequested, history: AttemptHistory) -> Failure | None:
        """Why no further attempt is made, or None."""
        provider = self._providers.get(job.provider)
        model = provider.entry.models.get(job.model) if provider else None
        if model is None:
            return Failure(code=INVALID_MODEL, message=f"{job.provider}/{job.model} is not in the registry")
        return spent_up(job, history, self._retries, model)

    async def _what_was(self, leased: LeasedJob) -> tuple[AttemptHistory, Generation | None]:
        """On the common path nothing was, and nothing is read."""
        if not leased.repeated:
            return NO_ATTEMPTS, None
        return await asyncio.gather(self._histories.of(leased.job), self._store.generations.get(leased.job.key))

    async def _transcript(self, leased: LeasedJob) -> list[Entry]:
        """What stands; before the first attempt at an answer nothing can stand above its question."""
        conversation, question = leased.job.conversation_id, None if leased.repeated else leased.question
        return await self._store.entries.transcript(conversation, question) if conversation else []

    async def _interruption_wanted(self, job: GenerationRequested) -> Interruption | None:
        control = await self._store.runs.control(job.run_id)
        if control is None:
            # Deleted since: what is known of it in this process must not bring it back.
            raise UnknownRun(job.run_id)
        return interruption_wanted(job, control)

    async def _prompted(self, context: JobContext) -> JobContext:
        """The case with what its prompt is made of. Raises NotYet for a hole, HandedOver where the process leaves."""
        messages = seen_messages(context.job, context.entries)
        if messages is None:
            raise NotYet(f"a message that {context.job.key} needs")
        memory = (
            await self._store.generations.newest_memory(context.job.conversation_id or "")
            if self._is_long(context)
            else None
        )
        if context.leased.interruption is Interruption.HANDED_OVER:
            raise HandedOver
        return replace(context, messages=tuple(messages), memory=memory)

    def _is_long(self, context: JobContext) -> bool:
        """Whether a chat may have been summed up: one of its answers took as much as makes that due."""
        starts = self._chats.summary_starts_tokens
        took = (entry.usage.prompt_tokens + entry.usage.completion_tokens for entry in context.entries)
        return context.job.purpose is Purpose.CHAT and any(tokens > starts for tokens in took)


async def _nothing() -> None:
    """In the place of what need not be read."""
