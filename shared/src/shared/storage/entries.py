"""The repository of entries: the transcript is the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.enums import EntryKind
from shared.contracts.transcript import Entry, Usage
from shared.storage.batching import Batcher
from shared.storage.driver import (
    Collection,
    Document,
    insert_ordered,
    insert_unordered,
    mapped_errors,
    outcomes,
    to_document,
)
from shared.storage.paging import Page, read_page
from shared.storage.scope import EVERYBODY, Scope
from shared.storage.sums import attempts_in, usage_of
from shared.storage.transcript_cache import TranscriptCache

IDENTITY = {"_id": 0}
_KEPT = ("conversation_id", "run_id", "tenant", "seq", "kind", "created_at", "side", "client_message_id", "rewind_to")
_GIVEN = {"tool_call_id": "$$result.tool_call_id", "output": ""}
_OUTLINE = {
    **IDENTITY,
    **dict.fromkeys(_KEPT, 1),
    "content": {"$substrCP": [{"$ifNull": ["$content", ""]}, 0, 1]},
    "tool_results": {"$map": {"input": {"$ifNull": ["$tool_results", []]}, "as": "result", "in": _GIVEN}},
    "bytes": {"$bsonSize": "$$ROOT"},
}
"""Of a text its first letter stands for it."""


@dataclass(frozen=True, slots=True)
class TranscriptEnd:
    """The last entry of a transcript: its seq, and whether it is the `ended`."""

    seq: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Outlined:
    """An entry of whose texts is only known whether there are any, and what it takes stored."""

    entry: Entry
    bytes: int


class Entries:
    """Entries by conversation. Inserting is the lock, the fence and the deduplication at once."""

    def __init__(self, collection: Collection) -> None:
        self._entries = collection
        self._inserts: Batcher[Entry, None] = Batcher(self._insert_batch, largest=50)
        self._reads: Batcher[str, list[Entry]] = Batcher(self._read_batch, largest=50)
        self._known = TranscriptCache()

    async def insert(self, entry: Entry) -> None:
        """Stores the entry; inserts that wait share a write. Raises Taken where its seq stands already, NotStorable."""
        await self._inserts.submit(entry)
        self._known.add(entry)

    async def insert_in_order(self, entries: Sequence[Entry]) -> int:
        """Stores entries of one conversation, each after the one before it; returns how many.

        Stops at the first whose seq stands already: what stands there may be an end.
        """
        with mapped_errors():
            return await insert_ordered(self._entries, [to_document(entry) for entry in entries])

    async def transcript(self, conversation: str, newest: Entry | None = None) -> list[Entry]:
        """All entries in order; only those that are new are read, and reads of many conversations share a query.

        `newest` is proven to stand, and to have had nothing above it: where all below it is known, nothing is read.
        """
        if newest is not None:
            self._known.add(newest)
            known = self._known.beginning(conversation)
            if len(known) == newest.seq:
                return known
        return await self._reads.submit(conversation)

    async def heads(self, conversation: str) -> list[Entry]:
        """All entries in order, without their text: what a look decides by."""
        with mapped_errors():
            cursor = self._entries.find({"conversation_id": conversation}, IDENTITY | {"content": 0})
            return [Entry.model_validate(document) for document in await cursor.sort("seq", 1).to_list(None)]

    async def outline(self, conversation: str, scope: Scope = EVERYBODY) -> list[Outlined]:
        """All entries in order, each in some two hundred bytes, however large it is."""
        with mapped_errors():
            cursor = self._entries.aggregate(
                [{"$match": {"conversation_id": conversation, **scope}}, {"$sort": {"seq": 1}}, {"$project": _OUTLINE}]
            )
            documents = await cursor.to_list(None)
        return [Outlined(Entry.model_validate(document), int(document["bytes"])) for document in documents]

    async def some(self, conversation: str, seqs: Sequence[int], scope: Scope = EVERYBODY) -> list[Entry]:
        """The entries at some seqs, in order."""
        query = {"conversation_id": conversation, "seq": {"$in": list(seqs)}, **scope}
        with mapped_errors():
            documents = await self._entries.find(query, IDENTITY).sort("seq", 1).to_list(len(seqs))
        return [Entry.model_validate(document) for document in documents]

    async def last_activity(self, conversations: Sequence[str]) -> dict[str, datetime]:
        """When each conversation's last entry was made, for those that have one."""
        with mapped_errors():
            cursor = self._entries.aggregate(
                [
                    {"$match": {"conversation_id": {"$in": list(conversations)}}},
                    {"$group": {"_id": "$conversation_id", "last": {"$max": "$created_at"}}},
                ]
            )
            return {document["_id"]: document["last"] for document in await cursor.to_list(None)}

    async def at(self, conversation: str, seq: int, scope: Scope = EVERYBODY) -> Entry | None:
        """The entry at a seq, or None."""
        with mapped_errors():
            document = await self._entries.find_one({"conversation_id": conversation, "seq": seq, **scope}, IDENTITY)
        return Entry.model_validate(document) if document else None

    def forget_cached(self, conversation: str) -> None:
        """Nothing of the transcript is kept in process any more."""
        self._known.forget(conversation)

    async def delete(self, conversation: str, scope: Scope = EVERYBODY) -> None:
        """Forgets a transcript."""
        self.forget_cached(conversation)
        with mapped_errors():
            await self._entries.delete_many({"conversation_id": conversation, **scope})

    async def after(self, conversation: str, seq: int, limit: int, scope: Scope = EVERYBODY) -> Page[Entry]:
        """At most `limit` messages with a greater seq, in order."""
        return await self._messages({"conversation_id": conversation, "seq": {"$gt": seq}, **scope}, limit)

    async def since(self, conversation: str, moment: datetime, limit: int, scope: Scope = EVERYBODY) -> Page[Entry]:
        """At most `limit` messages made after a moment, in order."""
        return await self._messages({"conversation_id": conversation, "created_at": {"$gt": moment}, **scope}, limit)

    async def page(self, conversation: str, skip: int, limit: int, scope: Scope = EVERYBODY) -> tuple[Page[Entry], int]:
        """One page of messages, and how many there are. It holds fewer than it should where they are too large."""
        query = {"conversation_id": conversation, "kind": EntryKind.MESSAGE.value, **scope}
        with mapped_errors():
            total = await self._entries.count_documents(query)
        return await self._messages(query, limit, skip), total

    async def of_conversations(self, conversations: Sequence[str], scope: Scope = EVERYBODY) -> dict[str, list[Entry]]:
        """The transcripts of many conversations, each in order."""
        return await self._of_conversations(conversations, IDENTITY, scope)

    async def heads_of(self, conversations: Sequence[str], scope: Scope = EVERYBODY) -> dict[str, list[Entry]]:
        """The transcripts of many conversations without their texts, each in order."""
        return await self._of_conversations(conversations, IDENTITY | {"content": 0}, scope)

    async def _of_conversations(
        self, conversations: Sequence[str], shown: Document, scope: Scope
    ) -> dict[str, list[Entry]]:
        transcripts: dict[str, list[Entry]] = {conversation: [] for conversation in conversations}
        with mapped_errors():
            cursor = self._entries.find({"conversation_id": {"$in": list(transcripts)}, **scope}, shown)
            documents = await cursor.sort([("conversation_id", 1), ("seq", 1)]).to_list(None)
        for document in documents:
            transcripts[document["conversation_id"]].append(Entry.model_validate(document))
        return transcripts

    async def usage(self, conversations: Sequence[str]) -> Usage:
        """What the entries of conversations cost."""
        return await usage_of(self._entries, {"conversation_id": {"$in": list(conversations)}})

    async def attempts(self, conversations: Sequence[str], among: Sequence[str]) -> set[str]:
        """Which of some attempts made an entry of these conversations."""
        query = {"conversation_id": {"$in": list(conversations)}, "attempt": {"$in": list(among)}}
        return await attempts_in(self._entries, query)

    async def ends(self, conversations: Sequence[str], scope: Scope = EVERYBODY) -> dict[str, TranscriptEnd]:
        """The last entry of each conversation that has any: one index seek each, one query for all."""
        pipeline: list[Document] = [
            {"$match": {"conversation_id": {"$in": list(conversations)}, **scope}},
            {"$sort": {"conversation_id": -1, "seq": -1}},
            {"$group": {"_id": "$conversation_id", "seq": {"$first": "$seq"}, "kind": {"$first": "$kind"}}},
        ]
        with mapped_errors():
            documents = await self._entries.aggregate(pipeline).to_list(None)
        return {
            document["_id"]: TranscriptEnd(document["seq"], document["kind"] == EntryKind.ENDED.value)
            for document in documents
        }

    async def _messages(self, query: Document, limit: int, skip: int = 0) -> Page[Entry]:
        query["kind"] = EntryKind.MESSAGE.value
        return await read_page(
            self._entries, query, limit, Entry.model_validate, shown=IDENTITY, order="seq", direction=1, skip=skip
        )

    async def _read_batch(self, conversations: Sequence[str]) -> Sequence[list[Entry]]:
        transcripts = {conversation: list(self._known.beginning(conversation)) for conversation in conversations}
        unknown = [{"conversation_id": one, "seq": {"$gt": len(entries)}} for one, entries in transcripts.items()]
        with mapped_errors():
            cursor = self._entries.find(unknown[0] if len(unknown) == 1 else {"$or": unknown}, IDENTITY)
            documents = await cursor.sort([("conversation_id", 1), ("seq", 1)]).to_list(None)
        for document in documents:
            transcripts[document["conversation_id"]].append(Entry.model_validate(document))
        for conversation, entries in transcripts.items():
            self._known.keep(conversation, entries)
        return [transcripts[conversation] for conversation in conversations]

    async def _insert_batch(self, entries: Sequence[Entry]) -> Sequence[BaseException | None]:
        refused = await insert_unordered(self._entries, [to_document(entry) for entry in entries])
        keys = [f"{entry.conversation_id}:{entry.seq}" for entry in entries]
        return outcomes(keys, refused)
