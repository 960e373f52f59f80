"""The messages a conversation begins with, which nobody generates."""

from orchestrator.assignments import tenant_of
from shared.contracts.enums import EntryKind
from shared.contracts.events import MessageAdded
from shared.contracts.identity import run_of
from shared.contracts.settings import ConversationSettings, GivenMessage
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure
from shared.errors import NotStorable, Taken
from shared.messaging.publisher import Publisher
from shared.reported_failures import failure_of
from shared.storage import Store


class GivenMessages:
    """Stores them in order and tells them in order."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher

    async def publish(self, conversation: str, settings: ConversationSettings, begin: int = 1) -> Failure | None:
        """Stores the given messages from seq `begin` on and tells them, whoever stored them.

        Returns why they cannot stand, where one of them is more than the store or the broker can hold.
        """
        try:
            for entry in await self._stored(conversation, settings, begin):
                await self._publisher.event(MessageAdded.of(entry))
        except NotStorable as error:
            return failure_of(error)
        return None

    async def _stored(self, conversation: str, settings: ConversationSettings, begin: int = 1) -> list[Entry]:
        """Stores the given messages from seq `begin` on, each after the one before it; returns those that stand."""
        tenant = await tenant_of(self._store, run_of(conversation))
        waiting = [
            _given_entry(conversation, tenant, seq, given)
            for seq, given in enumerate(settings.given[begin - 1 :], begin)
        ]
        standing: list[Entry] = []
        while waiting:
            stored = await self._store_in_order(waiting)
            standing, waiting = [*standing, *waiting[:stored]], waiting[stored:]
            if waiting:
                found = await self._store.entries.at(conversation, waiting[0].seq)
                if found is None or found.kind is not EntryKind.MESSAGE:
                    break
                standing, waiting = [*standing, found], waiting[1:]
        return standing

    async def _store_in_order(self, entries: list[Entry]) -> int:
        """How many were stored before one met a taken seq."""
        if len(entries) > 1:
            return await self._store.entries.insert_in_order(entries)
        try:
            # One alone shares its write with those of other conversations.
            await self._store.entries.insert(entries[0])
        except Taken:
            return 0
        return 1


def _given_entry(conversation: str, tenant: str, seq: int, given: GivenMessage) -> Entry:
    return Entry(
        conversation_id=conversation,
        run_id=run_of(conversation),
        tenant=tenant,
        seq=seq,
        kind=EntryKind.MESSAGE,
        created_at=now(),
        side=given.side,
        content=given.content,
        inherited=given.inherited,
        client_message_id=given.client_message_id,
        author=given.author,
        parts=given.parts,
        tool_calls=given.tool_calls,
        tool_results=given.tool_results,
    )
