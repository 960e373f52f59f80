"""Booking what attempts cost whose text counts for nothing (docs/protocol.md section 8)."""

from llm_runner.announcer import Announcer
from llm_runner.job_context import JobContext
from llm_runner.providers.provider import Provider
from llm_runner.results import lost_row
from shared.contracts.enums import EntryKind
from shared.contracts.events import AttemptStarted
from shared.contracts.generations import UsageRow
from shared.routing import ModelEntry
from shared.routing.text_tokens import text_tokens
from shared.storage import Store


class UsageLedger:
    """Writes usage rows, and says so where the conversation's totals may have been taken before."""

    def __init__(
        self, store: Store, announcer: Announcer, providers: dict[str, Provider], expected_output_tokens: int
    ) -> None:
        self._store = store
        self._announcer = announcer
        self._providers = providers
        self._expected_output_tokens = expected_output_tokens

    async def book(self, row: UsageRow) -> None:
        """Raises StoreUnavailable, BrokerUnavailable."""
        await self._store.usage.insert(row)
        # Read after the row is durable: whoever ends the conversation, or the run, later counts it.
        if await self._totals_taken(row):
            await self._announcer.usage_appeared(row)

    async def _totals_taken(self, row: UsageRow) -> bool:
        """Whether the row's conversation has ended, or the run where the row is no conversation's (a report's)."""
        if row.conversation_id is None:
            run = await self._store.runs.get(row.run_id)
            return run is not None and run.ended_at is not None
        entries = await self._store.entries.transcript(row.conversation_id)
        return any(entry.kind is EntryKind.ENDED for entry in entries)

    async def book_left_out(self, context: JobContext, counted: str | None) -> None:
        """Estimates for attempts of holders that died before they booked; `counted` stands in the result."""
        for event in context.history.unbooked(counted):
            await self.book(self._estimate(context, event))

    def _estimate(self, context: JobContext, event: AttemptStarted) -> UsageRow:
        job = context.job
        prompt = sum(text_tokens(message.content) for message in job.prompt)
        prompt += sum(text_tokens(entry.content or "") for entry in context.entries if entry.seq < job.seq)
        provider = self._providers.get(event.provider)
        model = provider.entry.models.get(event.model) if provider else None
        completion = min(job.max_tokens, self._expected_output_tokens)
        # Of a model that nobody knows any more the price is unknown.
        return lost_row(job, context.facts.tenant, event, (model or ModelEntry()).usage(prompt, completion))
