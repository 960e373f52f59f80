"""What is stored and said of a job's end: pure, from the job, the attempt and what stands in the transcript."""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_runner.attempt import Attempt
from llm_runner.attempt_history import BROKEN, LOST
from llm_runner.facts import JobFacts
from llm_runner.findings import finding_of
from shared.contracts.enums import EntryKind, FailureFamily, Purpose, Side
from shared.contracts.events import AttemptStarted
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import new_id
from shared.contracts.judgement import Judgement
from shared.contracts.kinds import MESSAGE_PURPOSES
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure, Usage, fold, spoken_by_another
from shared.contracts.work import GenerationRequested, GenerationStored

STOPPED = "stopped"
PARTIAL_CHARACTERS = 100_000
"""Of what an attempt wrote in vain, kept on its usage row."""
Result = Entry | Generation


@dataclass(frozen=True, slots=True)
class Standing:
    """What a job meets: its result or final failure, or what makes it pointless (`ended`); else nothing."""

    result: Result | None = None
    ended: bool = False

    @property
    def settled(self) -> bool:
        return self.result is not None or self.ended


def standing(job: GenerationRequested, entries: Sequence[Entry], generation: Generation | None) -> Standing:
    """What stands for a job. An entry outranks a failure stored beside it; a later pass minds no `ended`.

    A rewind in a message's place makes it as pointless as an `ended` does.
    """
    ended = any(entry.kind is EntryKind.ENDED for entry in entries)
    if job.purpose in MESSAGE_PURPOSES:
        for entry in entries:
            if entry.seq == job.seq and entry.kind is not EntryKind.ENDED:
                return Standing(entry, ended) if entry.kind is EntryKind.MESSAGE else Standing(None, ended=True)
    if generation is not None:
        return Standing(generation, ended)
    return Standing(None, ended and not job.pass_number)


def seen_messages(job: GenerationRequested, entries: Sequence[Entry]) -> list[Entry] | None:
    """The messages a job's prompt is made of, or None while an entry below it is not readable yet.

    Message n is written from 1..n-1, a judgement of message n from 1..n. What a rewind took back is not seen.
    """
    last = job.seq - 1 if job.purpose in MESSAGE_PURPOSES else job.seq
    seen = [entry for entry in entries if entry.seq <= last]
    if [entry.seq for entry in seen] != list(range(1, last + 1)):
        return None
    return fold(seen)


def side_of(job: GenerationRequested, facts: JobFacts) -> Side:
    """Who speaks in the message a job asks for."""
    if job.side is not None:
        return job.side
    is_turn = job.purpose is Purpose.TURN and facts.settings is not None
    return facts.settings.side_of(job.seq) if is_turn and facts.settings else Side.AGENT


def message_entry(
    job: GenerationRequested, facts: JobFacts, attempt: Attempt, before: Sequence[Entry], finish_reason: str | None
) -> Entry:
    """The entry that holds an attempt's text. `before` are the messages it answers."""
    side = side_of(job, facts)
    looks_for_findings = job.purpose is Purpose.TURN and side is Side.AGENT
    return Entry(
        conversation_id=job.conversation_id or job.run_id,
        run_id=job.run_id,
        tenant=facts.tenant,
        seq=job.seq,
        kind=EntryKind.MESSAGE,
        created_at=now(),
        side=side,
        content=attempt.text,
        provider=attempt.provider,
        model=attempt.model,
        attempt=attempt.id,
        attempt_number=attempt.number,
        usage=attempt.usage,
        estimated=attempt.estimated,
        latency_ms=attempt.latency_ms,
        ttft_ms=attempt.ttft_ms,
        finish_reason=finish_reason,
        raw_finish_reason=attempt.raw_finish_reason,
        substituted=job.substituted,
        reasoning=attempt.reasoning,
        thoughts=attempt.thoughts,
        warnings=attempt.warnings,
        finding=finding_of(attempt.text, before) if looks_for_findings else None,
        tool_calls=attempt.tool_calls,
        folded_to=attempt.folded_to,
    )


def generation_of(
    job: GenerationRequested, facts: JobFacts, attempt: Attempt, judgement: Judgement | None
) -> Generation:
    """The generation that holds an attempt's text."""
    return Generation(
        id=job.key,
        run_id=job.run_id,
        tenant=facts.tenant,
        conversation_id=job.conversation_id,
        seq=job.seq,
        purpose=job.purpose,
        stage=job.stage,
        pass_number=job.pass_number,
        created_at=now(),
        content=attempt.text,
        judgement=judgement,
        provider=attempt.provider,
        model=attempt.model,
        attempt=attempt.id,
        usage=attempt.usage,
        estimated=attempt.estimated,
        latency_ms=attempt.latency_ms,
        ttft_ms=attempt.ttft_ms,
        finish_reason=attempt.finish_reason,
        raw_finish_reason=attempt.raw_finish_reason,
        substituted=job.substituted,
    )


def failed_generation(job: GenerationRequested, tenant: str, failure: Failure) -> Generation:
    """The generation that says that a job failed for good."""
    return Generation(
        id=job.key,
        run_id=job.run_id,
        tenant=tenant,
        conversation_id=job.conversation_id,
        seq=job.seq,
        purpose=job.purpose,
        stage=job.stage,
        pass_number=job.pass_number,
        created_at=now(),
        failure=failure,
        provider=job.provider,
        model=job.model,
    )


def failed_message(job: GenerationRequested, facts: JobFacts, failure: Failure) -> Entry:
    """The empty answer that keeps a chat from being stuck (section 9)."""
    return _empty_message(job, facts).model_copy(update={"finish_reason": "error", "error": failure})


def stopped_message(job: GenerationRequested, facts: JobFacts) -> Entry:
    """The answer that was stopped before anything of it was asked for."""
    return _empty_message(job, facts).model_copy(update={"finish_reason": STOPPED})


def _empty_message(job: GenerationRequested, facts: JobFacts) -> Entry:
    return Entry(
        conversation_id=job.conversation_id or job.run_id,
        run_id=job.run_id,
        tenant=facts.tenant,
        seq=job.seq,
        kind=EntryKind.MESSAGE,
        created_at=now(),
        side=Side.AGENT,
        content="",
        provider=job.provider,
        model=job.model,
    )


def usage_row(
    job: GenerationRequested,
    tenant: str,
    attempt: Attempt,
    outcome: str,
    reason: str | None,
    family: FailureFamily | None = None,
    *,
    charged: bool = True,
) -> UsageRow:
    """What an attempt cost whose text does not count; nothing where the provider took nothing."""
    row = _row(job, tenant, attempt.id, attempt.provider, attempt.model, outcome, reason)
    took = {"usage": attempt.usage, "estimated": attempt.estimated} if charged else {}
    return row.model_copy(update={"family": family, "partial": attempt.answer[:PARTIAL_CHARACTERS] or None, **took})


def broken_row(job: GenerationRequested, tenant: str, attempt: Attempt | None, reason: str) -> UsageRow:
    """That our own code failed on a generation, once, and what its call had cost by then, if there was one."""
    if attempt is not None:
        return usage_row(job, tenant, attempt, BROKEN, reason)
    return _row(job, tenant, new_id(), job.provider, job.model, BROKEN, reason)


def lost_row(job: GenerationRequested, tenant: str, event: AttemptStarted, usage: Usage) -> UsageRow:
    """The estimated cost of an attempt whose holder died before it booked."""
    row = _row(job, tenant, event.attempt, event.provider, event.model, LOST, "its process ended during the call")
    return row.model_copy(update={"usage": usage, "estimated": True})


def _row(
    job: GenerationRequested, tenant: str, attempt: str, provider: str, model: str, outcome: str, reason: str | None
) -> UsageRow:
    """That an attempt at a job ended so, and cost nothing."""
    return UsageRow(
        id=attempt,
        run_id=job.run_id,
        tenant=tenant,
        conversation_id=job.conversation_id,
        generation=job.key,
        purpose=job.purpose,
        created_at=now(),
        outcome=outcome,
        provider=provider,
        model=model,
        reason=reason,
    )


def done(
    job: GenerationRequested,
    result: Result | None,
    entries: Sequence[Entry],
    *,
    first: bool,
    found: bool = False,
    event_sequence: int = 0,
) -> GenerationStored:
    """The done of a job, with what it proves. `entries` are those of the transcript, the result's own included."""
    message = result if isinstance(result, Entry) else None
    generation = result if isinstance(result, Generation) else None
    spent = [entry.usage for entry in entries if entry.seq <= job.seq and entry.kind is EntryKind.MESSAGE]
    return GenerationStored(
        run_id=job.run_id,
        at=now(),
        conversation_id=job.conversation_id,
        seq=job.seq,
        purpose=job.purpose,
        stage=job.stage,
        pass_number=job.pass_number,
        side=message.side if message else job.side,
        first=first,
        found=found,
        stored_at=result.created_at if result else None,
        conversation_started_at=job.conversation_started_at,
        transcript_usage=sum(spent, Usage()) if message else None,
        context_tokens=message.usage.prompt_tokens + message.usage.completion_tokens if message else 0,
        finding=message.finding if message else None,
        substituted=(result is not None and result.substituted) or spoken_by_another(entries),
        judgement=generation.judgement if generation else None,
        failure=generation.failure if generation else None,
        event_sequence=event_sequence,
    )
