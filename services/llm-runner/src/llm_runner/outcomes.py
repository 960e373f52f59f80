"""What follows each way a call ends: stored, beaten, failed, interrupted, given up."""

import asyncio
import time
from datetime import timedelta

from llm_runner.announcer import Announcer
from llm_runner.attempt import Attempt
from llm_runner.attempt_history import BEATEN, BROKEN, CANCELED, LOST
from llm_runner.call_deadline import Interruption
from llm_runner.dead_letters import dead_letter_of
from llm_runner.job_context import JobContext
from llm_runner.providers.families import PROVIDER_ERROR
from llm_runner.providers.redaction import Redaction
from llm_runner.purposes import judge
from llm_runner.results import (
    STOPPED,
    Result,
    Standing,
    broken_row,
    failed_generation,
    failed_message,
    generation_of,
    message_entry,
    standing,
    stopped_message,
    usage_row,
)
from llm_runner.retry_policy import OwnFailure
from llm_runner.usage_ledger import UsageLedger
from shared.contracts.enums import Purpose
from shared.contracts.kinds import MESSAGE_PURPOSES
from shared.contracts.transcript import Entry, Failure
from shared.contracts.work import DeadLetter, GenerationRequested
from shared.errors import NotStorable, NotYet, PermanentError, StoreUnavailable, Taken, TransientError
from shared.reported_failures import INTERNAL
from shared.storage import Store
from shared.tracebacks import wordless

# A call costs more than a short absence of the store: its result is held for so long before the job is given back.
INSERT_PATIENCE_SECONDS = 20.0
INSERT_PAUSE_SECONDS = 0.5
# After an exception of our own code.
REPETITIONS = 1


class HandedOver(TransientError):
    """This process leaves: another one takes the job at once."""

    def __init__(self) -> None:
        super().__init__("the process stops, another one takes the job", timedelta())


class Outcomes:
    """Each returns when its job may be acknowledged, or raises TransientError to have it again."""

    def __init__(
        self,
        store: Store,
        announcer: Announcer,
        ledger: UsageLedger,
        redaction: Redaction | None = None,
    ) -> None:
        self._store = store
        self._announcer = announcer
        self._ledger = ledger
        self._redaction = redaction or Redaction()

    async def stored(self, context: JobContext, attempt: Attempt, finish_reason: str | None) -> None:
        """Inserts the result. Lost, it books what it cost and says what stands there instead (step 6)."""
        context.leased.result_is_in()
        result = _result(context, attempt, finish_reason)
        if await self._insert(result):
            await self._announcer.result(context.job, result, _with(context, result), first=context.first)
            return
        stands, entries = await self._look_again(context.job)
        if stands.result is not None and stands.result.attempt == attempt.id:
            # An insert whose answer got lost: this is the winner.
            await self._announcer.result(context.job, stands.result, entries, first=context.first)
            return
        await self._beaten(context, attempt)

    async def interrupted(self, context: JobContext, attempt: Attempt, why: Interruption) -> None:
        """A call closed on purpose: its text is kept on its usage row, or is the answer where its reader stopped it."""
        if why is Interruption.STOPPED:
            await self.stored(context, attempt, STOPPED)
        elif why is Interruption.BEATEN:
            await self._beaten(context, attempt)
        elif why is Interruption.CANCELED:
            await self._ledger.book(usage_row(context.job, context.facts.tenant, attempt, CANCELED, None))
            await self._announcer.discarded(context.job, attempt, CANCELED, "none")
            await self._announcer.result(context.job, None, context.entries)
        else:
            await self._ledger.book(usage_row(context.job, context.facts.tenant, attempt, LOST, "handed over"))
            await self._announcer.discarded(context.job, attempt, "handed_over", "retry")
            raise HandedOver

    async def given_up(self, context: JobContext, failure: Failure) -> None:
        """The final failure: a dead letter, stored, done. A chat gets an empty answer, so that it is never stuck."""
        await self._end(context, failure, dead_letter_of(context.job, failure))

    async def broke(self, context: JobContext, attempt: Attempt | None, error: Exception, stands: Standing) -> None:
        """Our own code failed, which is no crash: booked, and tried once more at most, whoever tries it.

        What the store or the broker can never hold fails at once: the same again would change nothing. What stands by
        now is the result all the same.
        """
        job, failure = context.job, _own_failure(context.job, attempt, error)
        reason = f"{failure.code}: {failure.message}"
        await self._ledger.book(broken_row(job, context.facts.tenant, attempt, reason))
        again = context.history.count(BROKEN) < REPETITIONS and not isinstance(error, PermanentError)
        if attempt is not None:
            await self._announcer.discarded(job, attempt, failure.code, "retry" if again else "none")
        if again:
            raise OwnFailure(failure.message)
        trace = self._redaction.text(wordless(error))
        letter = dead_letter_of(job, failure, trace, attempt.answer if attempt else None)
        if stands.settled:
            await self._announcer.given_up(letter)
            await self._announcer.result(job, stands.result, context.entries, found=True)
        else:
            await self._end(context, failure, letter)

    async def _end(self, context: JobContext, failure: Failure, letter: DeadLetter) -> None:
        """The letter first: nobody who finds the failure stored later knows whether it was told."""
        job = context.job
        is_chat = job.purpose is Purpose.CHAT
        end: Result = (
            failed_message(job, context.facts, failure)
            if is_chat
            else failed_generation(job, context.facts.tenant, failure)
        )
        await self._announcer.given_up(letter)
        await self._put(context, end)

    async def stopped(self, context: JobContext) -> None:
        """An answer that was stopped before its call: it says nothing, and nothing was paid for it."""
        await self._put(context, stopped_message(context.job, context.facts))

    async def _beaten(self, context: JobContext, attempt: Attempt) -> None:
        await self._ledger.book(usage_row(context.job, context.facts.tenant, attempt, BEATEN, None))
        await self._announcer.discarded(context.job, attempt, BEATEN, "none")
        await self._tell_what_stands(context.job)

    async def _put(self, context: JobContext, end: Result) -> None:
        """Inserts a result that nothing was paid for and tells it; where its place is taken, what stands there."""
        if await self._insert(end):
            await self._announcer.result(context.job, end, _with(context, end))
        else:
            await self._tell_what_stands(context.job)

    async def _tell_what_stands(self, job: GenerationRequested) -> None:
        stands, entries = await self._look_again(job)
        await self._announcer.result(job, stands.result, entries, found=True)

    async def _look_again(self, job: GenerationRequested) -> tuple[Standing, list[Entry]]:
        """What stands in this job's place. Raises NotYet where it is taken but not readable."""
        entries = await self._store.entries.transcript(job.conversation_id) if job.conversation_id else []
        stands = standing(job, entries, await self._store.generations.get(job.key))
        if not stands.settled:
            raise NotYet(f"what took the place of {job.key}")
        return stands, entries

    async def _insert(self, result: Result) -> bool:
        """False where the place is taken. A store that is away for a moment is waited for."""
        patience_ends = time.monotonic() + INSERT_PATIENCE_SECONDS
        while True:
            try:
                if isinstance(result, Entry):
                    await self._store.entries.insert(result)
                else:
                    await self._store.generations.insert(result)
            except Taken:
                return False
            except StoreUnavailable:
                if time.monotonic() > patience_ends:
                    raise
                await asyncio.sleep(INSERT_PAUSE_SECONDS)
            else:
                return True


def _own_failure(job: GenerationRequested, attempt: Attempt | None, error: Exception) -> Failure:
    """What users are told of an exception: its kind; its words may hold anything."""
    if isinstance(error, NotStorable) and attempt is not None:
        return Failure(code=PROVIDER_ERROR, message=f"what {job.provider} answered cannot be kept ({error})")
    kind = type(error).__name__
    return Failure(
        code=INTERNAL, message=f"llm-runner failed by itself ({kind}); its log and the dead letter say where"
    )


def _result(context: JobContext, attempt: Attempt, finish_reason: str | None) -> Result:
    job, facts = context.job, context.facts
    if job.purpose in MESSAGE_PURPOSES:
        return message_entry(job, facts, attempt, context.messages, finish_reason)
    judges = job.purpose is Purpose.JUDGE and facts.settings is not None
    judgement = (
        judge.read_answer(attempt.text, job, facts.settings, context.messages) if judges and facts.settings else None
    )
    return generation_of(job, facts, attempt, judgement)


def _with(context: JobContext, result: Result) -> tuple[Entry, ...]:
    """The transcript with the result's entry."""
    return (*context.entries, result) if isinstance(result, Entry) else context.entries
