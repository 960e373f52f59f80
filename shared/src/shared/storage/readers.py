"""The repository of readers: when an answer was read last, so that nobody pays for one that nobody reads.

A gateway that has readers of an answer renews its lease every few seconds; llm-runner ends a call whose lease is
older than the orphan time (docs/protocol.md section 9). A gateway that dies renews nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pymongo import UpdateOne

from shared.contracts.model import Contract
from shared.storage.driver import Collection, mapped_errors, with_id


class ReaderLease(Contract):
    """`read_at` is when somebody was seen to read; `read_seq` the last answer that was read to its end."""

    id: str
    read_at: datetime | None = None
    read_seq: int = 0


class Readers:
    """Leases by run."""

    def __init__(self, collection: Collection) -> None:
        self._readers = collection

    async def renew(self, run_ids: Sequence[str], at: datetime) -> None:
        """Somebody reads the answers of these runs: one write for all of them."""
        writes = [UpdateOne({"_id": run_id}, {"$max": {"read_at": at}}, upsert=True) for run_id in run_ids]
        if writes:
            with mapped_errors():
                await self._readers.bulk_write(writes, ordered=False)

    async def finish(self, read: Mapping[str, int]) -> None:
        """Somebody has read the answers of these runs to their ends, up to a seq each: one write for all of them."""
        writes = [UpdateOne({"_id": run_id}, {"$max": {"read_seq": seq}}, upsert=True) for run_id, seq in read.items()]
        if writes:
            with mapped_errors():
                await self._readers.bulk_write(writes, ordered=False)

    async def get(self, run_id: str) -> ReaderLease:
        with mapped_errors():
            document = await self._readers.find_one({"_id": run_id})
        return ReaderLease.model_validate(with_id(document)) if document else ReaderLease(id=run_id)

    async def read_at(self, run_ids: Sequence[str]) -> dict[str, datetime]:
        """When each of these runs was read last, for those that ever were."""
        query = {"_id": {"$in": list(run_ids)}, "read_at": {"$type": "date"}}
        with mapped_errors():
            documents = await self._readers.find(query, {"read_at": 1}).to_list(None)
        return {document["_id"]: document["read_at"] for document in documents}

    async def delete(self, run_id: str) -> None:
        with mapped_errors():
            await self._readers.delete_one({"_id": run_id})
