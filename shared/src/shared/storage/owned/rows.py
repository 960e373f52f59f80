"""What is stored of one of an owner's runs: its conversations, entries, generations, its report."""

from collections.abc import Sequence
from datetime import datetime

from shared.contracts.conversations import Conversation
from shared.contracts.generations import Generation
from shared.contracts.owner import Owner
from shared.contracts.reports import Report
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.storage.conversations import Conversations
from shared.storage.entries import Entries, Outlined, TranscriptEnd
from shared.storage.generations import Generations
from shared.storage.owned.claims import NotTheirs, claim, claim_conversation
from shared.storage.paging import Page
from shared.storage.reports import Reports
from shared.storage.scope import scope_of_rows


class _OfRun:
    """Rows of a run that is the owner's. Raises NotTheirs for another's, and for conversations of other runs."""

    def __init__(self, owner: Owner, run: Run) -> None:
        self._run = claim(owner, run)
        self._scope = scope_of_rows(owner)

    def _own(self, conversation: str) -> str:
        return claim_conversation(self._run, conversation)


class OwnedConversations(_OfRun):
    """What `Conversations` does, of one run."""

    def __init__(self, conversations: Conversations, owner: Owner, run: Run) -> None:
        super().__init__(owner, run)
        self._conversations = conversations

    async def get(self, conversation: str) -> Conversation | None:
        return await self._conversations.get(self._own(conversation), self._scope)

    async def all(self, after_index: int = 0) -> list[Conversation]:
        """Those that have begun, by index, after `after_index`."""
        return await self._conversations.of_run(self._run.id, after_index, scope=self._scope)

    async def errored(self) -> list[int]:
        return await self._conversations.errored(self._run.id, self._scope)


class OwnedEntries(_OfRun):
    """What `Entries` does, of one run's conversations."""

    def __init__(self, entries: Entries, owner: Owner, run: Run) -> None:
        super().__init__(owner, run)
        self._entries = entries
        self._tenant = owner.tenant

    async def insert(self, entry: Entry) -> None:
        if entry.tenant != self._tenant:
            raise NotTheirs(f"entry {entry.conversation_id}:{entry.seq}")
        self._own(entry.conversation_id)
        await self._entries.insert(entry)

    async def delete(self, conversation: str) -> None:
        await self._entries.delete(self._own(conversation), self._scope)

    async def transcript(self, conversation: str) -> list[Entry]:
        """All entries in order. They share their query, and what is kept in process, with those of everybody."""
        found = await self._entries.transcript(self._own(conversation))
        return found if all(entry.tenant == self._tenant for entry in found) else []

    async def at(self, conversation: str, seq: int) -> Entry | None:
        return await self._entries.at(self._own(conversation), seq, self._scope)

    async def some(self, conversation: str, seqs: Sequence[int]) -> list[Entry]:
        return await self._entries.some(self._own(conversation), seqs, self._scope)

    async def outline(self, conversation: str) -> list[Outlined]:
        return await self._entries.outline(self._own(conversation), self._scope)

    async def after(self, conversation: str, seq: int, limit: int) -> Page[Entry]:
        return await self._entries.after(self._own(conversation), seq, limit, self._scope)

    async def since(self, conversation: str, moment: datetime, limit: int) -> Page[Entry]:
        return await self._entries.since(self._own(conversation), moment, limit, self._scope)

    async def page(self, conversation: str, skip: int, limit: int) -> tuple[Page[Entry], int]:
        return await self._entries.page(self._own(conversation), skip, limit, self._scope)

    async def of_conversations(self, conversations: Sequence[str]) -> dict[str, list[Entry]]:
        return await self._entries.of_conversations([*map(self._own, conversations)], self._scope)

    async def heads_of(self, conversations: Sequence[str]) -> dict[str, list[Entry]]:
        return await self._entries.heads_of([*map(self._own, conversations)], self._scope)

    async def end(self, conversation: str) -> TranscriptEnd | None:
        """The last entry of a conversation that has any."""
        return (await self._entries.ends([self._own(conversation)], self._scope)).get(conversation)


class OwnedGenerations(_OfRun):
    """What `Generations` does, of one run's conversations."""

    def __init__(self, generations: Generations, owner: Owner, run: Run) -> None:
        super().__init__(owner, run)
        self._generations = generations

    async def of_conversation(self, conversation: str) -> list[Generation]:
        return await self._generations.of_conversation(self._own(conversation), self._scope)


async def owned_report(reports: Reports, owner: Owner, run: Run) -> Report | None:
    """The run's report, or None. Raises NotTheirs."""
    return await reports.get(claim(owner, run).id, scope_of_rows(owner))
