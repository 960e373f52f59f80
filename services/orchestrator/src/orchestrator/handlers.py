"""What the broker delivers, and the look it triggers. Nothing is acknowledged before its effects are durable."""

from nats.aio.msg import Msg
from pydantic import ValidationError

from orchestrator.closing import Closing
from orchestrator.conversations import ConversationLooks
from orchestrator.decide import Close, Ended
from orchestrator.facts import settings_of
from orchestrator.runs import RunLooks
from shared.contracts.work import GenerationStored, RunCommanded, UsageAppeared
from shared.ending import run_usage
from shared.errors import PermanentError, StaleMessage
from shared.messaging.settlement import Settlement
from shared.storage import Store
from shared.tracebacks import problems


class UnreadableMessage(PermanentError):
    """A message on a work subject is none of ours."""

    def __init__(self, subject: str, error: ValidationError) -> None:
        super().__init__(f"unreadable message on {subject}: {problems(error)}")


def first_delivery(message: Msg) -> bool:
    return message.metadata.num_delivered == 1


class Handlers:
    """One handler a trigger; each means "look"."""

    def __init__(
        self, store: Store, runs: RunLooks, conversations: ConversationLooks, closing: Closing, settlement: Settlement
    ) -> None:
        self._store = store
        self._runs = runs
        self._conversations = conversations
        self._closing = closing
        self._settlement = settlement

    async def on_command(self, message: Msg) -> None:
        """A start, a change of control, or a sweep: look at the run."""
        await self._settlement.run(message, self._command(message))

    async def on_done(self, message: Msg) -> None:
        """A result is stored: look at its conversation."""
        await self._settlement.run(message, self._done(message))

    async def _command(self, message: Msg) -> None:
        try:
            command = RunCommanded.model_validate_json(message.data)
        except ValidationError as error:
            raise UnreadableMessage(message.subject, error) from error
        await self._runs.on_command(command, first_delivery(message))

    async def _done(self, message: Msg) -> None:
        try:
            if (message.headers or {}).get("Aw-Type") == "usage.appeared":
                late = UsageAppeared.model_validate_json(message.data)
                return await self._late_usage(late.run_id, late.conversation_id)
            done = GenerationStored.model_validate_json(message.data)
        except ValidationError as error:
            raise UnreadableMessage(message.subject, error) from error
        if done.conversation_id is None:
            raise StaleMessage(f"{done.key} belongs to no conversation")
        if done.pass_number:
            # A later pass decides nothing: only what it cost counts.
            return await self._late_usage(done.run_id, done.conversation_id)
        counted = await self._conversations.on_done(done, first_delivery(message))
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
