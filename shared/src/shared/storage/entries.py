"""The repository of entries: the transcript is the log."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import BulkWriteError

from shared.contracts.transcript import Entry
from shared.contracts.words import EntryKind
from shared.errors import Taken
from shared.storage.batching import Batcher
from shared.storage.driver import DUPLICATE_KEY, Collection, Document, mapped_errors, to_document

IDENTITY = {"_id": 0}


class Entries:
    """Entries by conversation. Inserting is the lock, the fence and the deduplication at once."""

    def __init__(self, collection: Collection) -> None:
        self._entries = collection
        self._inserts: Batcher[Entry, None] = Batcher(self._insert_batch, largest=50)
        self._reads: Batcher[str, list[Entry]] = Batcher(self._read_batch, largest=50)

    async def insert(self, entry: Entry) -> None:
        """Stores the entry; inserts that wait share a write. Raises Taken where its seq stands already."""
        await self._inserts.submit(entry)

    async def transcript(self, conversation: str) -> list[Entry]:
        """All entries in order; reads of many conversations share a query."""
        return await self._reads.submit(conversation)

    async def at(self, conversation: str, seq: int) -> Entry | None:
        """The entry at a seq, or None."""
        with mapped_errors():
            document = await self._entries.find_one({"conversation_id": conversation, "seq": seq}, IDENTITY)
        return Entry.model_validate(document) if document else None

    async def after(self, conversation: str, seq: int, limit: int) -> list[Entry]:
        """At most `limit` messages with a greater seq, in order."""
        return await self._messages({"conversation_id": conversation, "seq": {"$gt": seq}}, limit)

    async def since(self, conversation: str, moment: datetime, limit: int) -> list[Entry]:
        """At most `limit` messages made after a moment, in order."""
        return await self._messages({"conversation_id": conversation, "created_at": {"$gt": moment}}, limit)

    async def page(self, conversation: str, skip: int, limit: int) -> tuple[list[Entry], int]:
        """One page of messages, and how many there are."""
        query = {"conversation_id": conversation, "kind": EntryKind.MESSAGE.value}
        with mapped_errors():
            total = await self._entries.count_documents(query)
            documents = await self._entries.find(query, IDENTITY).sort("seq", 1).skip(skip).limit(limit).to_list(limit)
        return [Entry.model_validate(document) for document in documents], total

    async def of_conversations(self, conversations: Sequence[str]) -> dict[str, list[Entry]]:
        """The transcripts of many conversations, each in order."""
        transcripts: dict[str, list[Entry]] = {conversation: [] for conversation in conversations}
        with mapped_errors():
            cursor = self._entries.find({"conversation_id": {"$in": list(transcripts)}}, IDENTITY)
            documents = await cursor.sort([("conversation_id", 1), ("seq", 1)]).to_list(None)
        for document in documents:
            transcripts[document["conversation_id"]].append(Entry.model_validate(document))
        return transcripts

    async def _messages(self, query: Document, limit: int) -> list[Entry]:
        query["kind"] = EntryKind.MESSAGE.value
        with mapped_errors():
            documents = await self._entries.find(query, IDENTITY).sort("seq", 1).limit(limit).to_list(limit)
        return [Entry.model_validate(document) for document in documents]

    async def _read_batch(self, conversations: Sequence[str]) -> Sequence[list[Entry]]:
        found = await self.of_conversations(list(dict.fromkeys(conversations)))
        return [found[conversation] for conversation in conversations]

    async def _insert_batch(self, entries: Sequence[Entry]) -> Sequence[BaseException | None]:
        results: list[BaseException | None] = [None] * len(entries)
        with mapped_errors():
            try:
                await self._entries.insert_many([to_document(entry) for entry in entries], ordered=False)
            except BulkWriteError as error:
                for failed in error.details["writeErrors"]:
                    if failed["code"] != DUPLICATE_KEY:
                        raise
                    entry = entries[failed["index"]]
                    results[failed["index"]] = Taken(f"{entry.conversation_id}:{entry.seq}")
                if error.details.get("writeConcernErrors"):
                    raise
        return results
