"""The repositories of generations that are no message, and of usage rows."""

from collections.abc import Sequence
from typing import Any

from shared.contracts.enums import Purpose
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.transcript import Usage
from shared.storage.driver import Collection, Document, mapped_errors, to_document, with_id
from shared.storage.scope import EVERYBODY, Scope
from shared.storage.sums import attempts_in, usage_of


class Generations:
    """One result for ever under each generation key."""

    def __init__(self, collection: Collection) -> None:
        self._generations = collection

    async def insert(self, generation: Generation) -> None:
        """Stores a result or a final failure. Raises Taken where one stands already."""
        with mapped_errors(generation.id):
            await self._generations.insert_one(to_document(generation))

    async def get(self, key: str) -> Generation | None:
        with mapped_errors():
            document = await self._generations.find_one({"_id": key})
        return Generation.model_validate(with_id(document)) if document else None

    async def of_conversation(self, conversation: str, scope: Scope = EVERYBODY) -> list[Generation]:
        """Every generation of a conversation."""
        return await self._find({"conversation_id": conversation, **scope})

    async def of_conversations(self, conversations: Sequence[str]) -> list[Generation]:
        return await self._find({"conversation_id": {"$in": list(conversations)}})

    async def of_run(self, run_id: str) -> list[Generation]:
        """Every generation of a run: its conversations' and its own."""
        return await self._find({"run_id": run_id})

    async def of_purpose(self, run_id: str, purpose: Purpose) -> list[Generation]:
        """A run's generations of one purpose."""
        return await self._find({"run_id": run_id, "purpose": purpose.value})

    async def usage(self, run_id: str) -> Usage:
        """What a run's generations cost."""
        return await usage_of(self._generations, {"run_id": run_id})

    async def attempts(self, run_id: str, among: Sequence[str]) -> set[str]:
        """Which of some attempts made a generation of the run."""
        return await attempts_in(self._generations, {"run_id": run_id, "attempt": {"$in": list(among)}})

    async def newest_memory(self, conversation: str) -> Generation | None:
        """The summary of a chat that covers the most of it, or None while it has none."""
        query = {"conversation_id": conversation, "purpose": Purpose.MEMORY.value, "content": {"$type": "string"}}
        with mapped_errors():
            documents = await self._generations.find(query).sort("seq", -1).limit(1).to_list(1)
        return Generation.model_validate(with_id(documents[0])) if documents else None

    async def delete(self, conversation: str) -> None:
        """Forgets a conversation's generations."""
        with mapped_errors():
            await self._generations.delete_many({"conversation_id": conversation})

    async def _find(self, query: dict[str, Any]) -> list[Generation]:
        with mapped_errors():
            documents = await self._generations.find(query).to_list(None)
        return [Generation.model_validate(with_id(document)) for document in sorted(documents, key=_identity)]


class UsageRows:
    """What attempts cost that no result holds."""

    def __init__(self, collection: Collection) -> None:
        self._rows = collection

    async def insert(self, row: UsageRow) -> None:
        """Books an attempt. An estimate gives way to real figures, never the other way round."""
        document = to_document(row)
        key = document.pop("_id")
        with mapped_errors(row.id):
            if row.estimated:
                await self._rows.update_one({"_id": key}, {"$setOnInsert": document}, upsert=True)
            else:
                await self._rows.replace_one({"_id": key}, document, upsert=True)

    async def of_generation(self, key: str) -> list[UsageRow]:
        return await self._find({"generation": key})

    async def of_conversation(self, conversation: str) -> list[UsageRow]:
        return await self._find({"conversation_id": conversation})

    async def of_run(self, run_id: str) -> list[UsageRow]:
        return await self._find({"run_id": run_id})

    async def delete(self, conversation: str) -> None:
        """Forgets a conversation's usage rows."""
        with mapped_errors():
            await self._rows.delete_many({"conversation_id": conversation})

    async def _find(self, query: dict[str, Any]) -> list[UsageRow]:
        with mapped_errors():
            documents = await self._rows.find(query).to_list(None)
        return [UsageRow.model_validate(with_id(document)) for document in sorted(documents, key=_identity)]


def _identity(document: Document) -> str:
    """Ordered here: the server might take the whole index of ids for an order it can read off."""
    return str(document["_id"])
