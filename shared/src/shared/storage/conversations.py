"""The repository of conversations: projections only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.contracts.conversations import Conversation
from shared.contracts.endings import FAILED
from shared.contracts.enums import EndedReason
from shared.contracts.transcript import Usage
from shared.storage.batching import Batcher
from shared.storage.driver import Collection, insert_unordered, mapped_errors, outcomes, to_document, with_id
from shared.storage.scope import EVERYBODY, Scope


class Conversations:
    """Conversations by id, derived from (run, index)."""

    def __init__(self, collection: Collection) -> None:
        self._conversations = collection
        self._inserts: Batcher[Conversation, None] = Batcher(self._insert_batch, largest=50)

    async def insert(self, conversation: Conversation) -> None:
        """Stores a conversation that begins; inserts that wait share a write. Raises Taken where it has begun."""
        await self._inserts.submit(conversation)

    async def get(self, conversation: str, scope: Scope = EVERYBODY) -> Conversation | None:
        with mapped_errors():
            document = await self._conversations.find_one({"_id": conversation, **scope})
        return Conversation.model_validate(with_id(document)) if document else None

    async def of_run(
        self, run_id: str, after_index: int = 0, limit: int = 0, scope: Scope = EVERYBODY
    ) -> list[Conversation]:
        """A run's conversations that have begun, by index, after `after_index`; all of them without a limit."""
        query: dict[str, Any] = {"run_id": run_id, "index": {"$gt": after_index}, **scope}
        with mapped_errors():
            cursor = self._conversations.find(query).sort("index", 1).limit(limit)
            documents = await cursor.to_list(None)
        return [Conversation.model_validate(with_id(document)) for document in documents]

    async def begun(self, run_id: str) -> set[int]:
        """The indexes of a run's conversations that have begun."""
        with mapped_errors():
            documents = await self._conversations.find({"run_id": run_id}, {"index": 1}).to_list(None)
        return {document["index"] for document in documents}

    async def delete(self, conversation: str) -> None:
        """Forgets a conversation's projections."""
        with mapped_errors():
            await self._conversations.delete_one({"_id": conversation})

    async def errored(self, run_id: str, scope: Scope = EVERYBODY) -> list[int]:
        """The indexes of a run's conversations that ended by error, in order."""
        query = {"run_id": run_id, "ended_reason": {"$in": [reason.value for reason in FAILED]}, **scope}
        with mapped_errors():
            documents = await self._conversations.find(query, {"index": 1}).sort("index", 1).to_list(None)
        return [document["index"] for document in documents]

    async def unended(self, run_ids: Sequence[str]) -> list[Conversation]:
        """The open conversations of some runs, for the sweeper."""
        with mapped_errors():
            documents = await self._conversations.find({"run_id": {"$in": list(run_ids)}, "ended_at": None}).to_list(
                None
            )
        return [Conversation.model_validate(with_id(document)) for document in documents]

    async def _insert_batch(self, conversations: Sequence[Conversation]) -> Sequence[BaseException | None]:
        documents = [to_document(conversation) for conversation in conversations]
        refused = await insert_unordered(self._conversations, documents)
        return outcomes([conversation.id for conversation in conversations], refused)

    async def set_totals(
        self,
        conversation: str,
        *,
        reason: EndedReason,
        goal_reached: bool | None,
        decided_by: int | None,
        messages: int,
        usage: Usage,
        ended_at: datetime,
        substituted: bool = False,
    ) -> None:
        """Sets what an ended conversation's transcript adds up to; repeating it sets the same."""
        with mapped_errors():
            await self._conversations.update_one(
                {"_id": conversation},
                {
                    "$set": {
                        "ended_reason": reason.value,
                        "goal_reached": goal_reached,
                        "decided_by": decided_by,
                        "messages": messages,
                        "usage": usage.model_dump(),
                        "ended_at": ended_at,
                        "substituted": substituted,
                    }
                },
            )
