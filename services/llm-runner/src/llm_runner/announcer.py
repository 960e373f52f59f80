"""What a runner says of a job: its message as a fact, its done, and hints about its attempts."""

from collections.abc import Sequence
from typing import Literal

from llm_runner.attempt import Attempt
from llm_runner.job_context import JobContext
from llm_runner.results import Result, done, side_of
from shared.contracts.enums import EntryKind, FailureFamily
from shared.contracts.events import AttemptDiscarded, AttemptStarted, MessageAdded, ToolStarted
from shared.contracts.generations import UsageRow
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry
from shared.contracts.work import DeadLetter, GenerationRequested, UsageAppeared
from shared.messaging.publisher import Publisher
from shared.routing import Route


class Announcer:
    """Publishes, each confirmed, in the order of its calls. Raises BrokerUnavailable."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def asked(self, question: Entry | None) -> None:
        """The fact of the message an answer is owed to, where it travels with the job (`GenerationRequested`)."""
        if question is not None:
            await self._publisher.event(MessageAdded.of(question))

    async def started(self, context: JobContext, attempt: Attempt) -> None:
        job = context.job
        await self._publisher.event(
            AttemptStarted(
                run_id=job.run_id,
                at=now(),
                conversation_id=job.conversation_id,
                seq=job.seq,
                side=side_of(job, context.facts),
                purpose=job.purpose,
                stage=job.stage,
                pass_number=job.pass_number,
                attempt=attempt.id,
                attempt_number=attempt.number,
                provider=attempt.provider,
                model=attempt.model,
            )
        )

    async def tools_asked(self, context: JobContext, attempt: Attempt) -> None:
        """What the model asks for is the client's to do, from here on."""
        for call in attempt.tool_calls:
            await self._publisher.event(
                ToolStarted(
                    run_id=context.job.run_id,
                    at=now(),
                    conversation_id=context.job.conversation_id or context.job.run_id,
                    seq=context.job.seq,
                    attempt=attempt.id,
                    tool_call_id=call.id,
                    tool_name=call.name,
                    input=call.input,
                )
            )

    async def discarded(
        self,
        job: GenerationRequested,
        attempt: Attempt,
        reason: str,
        follows: Literal["retry", "fallback", "none"],
        family: FailureFamily | None = None,
        onward: Route | None = None,
    ) -> None:
        """`family` says what kind of fault it was, `onward` who is asked next, where that is another."""
        await self._publisher.event(
            AttemptDiscarded(
                run_id=job.run_id,
                at=now(),
                conversation_id=job.conversation_id,
                seq=job.seq,
                attempt=attempt.id,
                reason=reason,
                family=family,
                next=follows,
                next_provider=onward.provider if onward else None,
                next_model=onward.model if onward else None,
            )
        )

    async def result(
        self,
        job: GenerationRequested,
        result: Result | None,
        entries: Sequence[Entry],
        *,
        first: bool = False,
        found: bool = False,
    ) -> None:
        """The `message` event, where there is a message, then the done. `entries` hold the result's own.

        `found`: it stood already, and may have been told before.
        """
        sequence = 0
        if isinstance(result, Entry) and result.kind is EntryKind.MESSAGE:
            sequence = await self._publisher.event(MessageAdded.of(result))
        told = done(job, result, entries, first=first, found=found, event_sequence=sequence)
        await self._publisher.done(told, job.done_subject)

    async def given_up(self, letter: DeadLetter) -> None:
        await self._publisher.work(letter)

    async def usage_appeared(self, row: UsageRow) -> None:
        """A usage row came after the end of its conversation (or of its run), whose totals may have been taken."""
        appeared = UsageAppeared(
            run_id=row.run_id,
            at=now(),
            conversation_id=row.conversation_id,
            attempt=row.id,
            estimated=row.estimated,
        )
        await self._publisher.work(appeared)
