"""The repository of stream leases: how many streams each gateway serves to a user, as it last said.

What a gateway does not say again runs out: one that died frees its share by itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pymongo import DeleteOne, UpdateOne

from shared.contracts.owner import Owner
from shared.storage.batching import Batcher
from shared.storage.driver import Collection, Document, mapped_errors


class _Asked(NamedTuple):
    owner: Owner
    holder: str
    at: datetime


class StreamLeases:
    """Leases by gateway (`holder`) and owner."""

    def __init__(self, collection: Collection) -> None:
        self._leases = collection
        self._reads: Batcher[_Asked, int] = Batcher(self._read)

    async def record(self, holder: str, counts: Mapping[Owner, int], until: datetime) -> None:
        """How many streams the holder serves to each of these owners; good until a moment. Raises StoreUnavailable."""
        writes = [_written(_key(holder, owner), streams, until) for owner, streams in counts.items()]
        if writes:
            with mapped_errors():
                await self._leases.bulk_write(writes, ordered=False)

    async def elsewhere(self, owner: Owner, holder: str, at: datetime) -> int:
        """How many streams all other holders serve to the owner; those who ask at once share a query."""
        return await self._reads.submit(_Asked(owner, holder, at))

    async def release(self, holder: str) -> None:
        """The holder serves nobody any more. Raises StoreUnavailable."""
        with mapped_errors():
            await self._leases.delete_many({"holder": holder})

    async def _read(self, asked: Sequence[_Asked]) -> Sequence[int]:
        owners = {one.owner for one in asked}
        query = {
            "tenant": {"$in": list({owner.tenant for owner in owners})},
            "user": {"$in": list({owner.user for owner in owners})},
            "expires_at": {"$gt": min(one.at for one in asked)},
        }
        with mapped_errors():
            leases = await self._leases.find(query).to_list(None)
        return [sum(_counts(lease, one) for lease in leases) for one in asked]


def _key(holder: str, owner: Owner) -> Document:
    return {"holder": holder, "tenant": owner.tenant, "user": owner.user}


def _written(key: Document, streams: int, until: datetime) -> UpdateOne | DeleteOne:
    if streams == 0:
        return DeleteOne({"_id": key})
    fields = {**key, "streams": streams, "expires_at": until}
    return UpdateOne({"_id": key}, {"$set": fields}, upsert=True)


def _counts(lease: Document, asked: _Asked) -> int:
    other = lease["holder"] != asked.holder and lease["expires_at"] > asked.at
    return int(lease["streams"]) if other and (lease["tenant"], lease["user"]) == asked.owner else 0
