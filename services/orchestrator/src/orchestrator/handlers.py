"""What the broker delivers, and the look it triggers. Nothing is acknowledged before its effects are durable."""

from orchestrator.assignments import settings_of
from orchestrator.closing import Closing
from orchestrator.conversation_facts import Ended
from orchestrator.conversations import ConversationLooks
from orchestrator.decide import Close
from orchestrator.runs import RunLooks
from shared.contracts import subjects
from shared.contracts.work import GenerationStored, RunCommanded, UsageAppeared
from shared.errors import StaleMessage
from shared.messaging.deliveries import Delivery
from shared.messaging.triggers import Trigger
from shared.run_endings import run_usage
from shared.storage import Store


class Handlers:
    """One handler a trigger; each means "look"."""

    def __init__(self, store: Store, runs: RunLooks, conversations: ConversationLooks, closing: Closing) -> None:
        self._store = store
        self._runs = runs
        self._conversations = conversations
        self._closing = closing

    async def on_command(self, command: RunCommanded, delivery: Delivery) -> None:
        """A start, a change of control, or a sweep: look at the run."""
        await self._runs.on_command(command, delivery.first)

    async def on_done(self, done: GenerationStored | UsageAppeared, delivery: Delivery) -> None:
        """A result is stored: look at its conversation."""
        if isinstance(done, UsageAppeared):
            return await self._late_usage(done.run_id, done.conversation_id)
        if done.conversation_id is None:
            raise StaleMessage(f"{done.key} belongs to no conversation")
        if done.pass_number:
            # A later pass decides nothing: only what it cost counts.
            return await self._late_usage(done.run_id, done.conversation_id)
        counted = await self._conversations.on_done(done, delivery.first and not done.found)
        return await self._runs.on_counted(counted)

    async def _late_usage(self, run_id: str, conversation: str | None) -> None:
        """Totals are set once more when costs appear after they were taken; a report stays as it was."""
        if conversation is not None:
            await self._conversation_totals(conversation)
        run = await self._store.runs.get(run_id)
        if run is not None and run.ended_at is not None:
            await self._store.runs.set_usage(run_id, await run_usage(self._store, run))

    async def _conversation_totals(self, conversation: str) -> None:
        stored = await self._store.conversations.get(conversation)
        if stored is None or stored.ended_reason is None:
            raise StaleMessage(f"{conversation} has no totals yet")
        settings, _ = await settings_of(self._store, conversation)
        ended = Ended(stored.messages + 1, stored.ended_reason, stored.decided_by)
        await self._closing.set_totals(conversation, Close(ended), settings)


TRIGGERS = (
    Trigger(subjects.ORCHESTRATOR_COMMANDS, subjects.COMMANDS, Handlers.on_command),
    Trigger(subjects.ORCHESTRATOR_DONE, subjects.DONE_ORCHESTRATOR, Handlers.on_done, fast=True),
)
