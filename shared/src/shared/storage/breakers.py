"""The repository of circuit breakers: one document for each target that is left alone, none for the others."""

from datetime import datetime

from shared.contracts.breakers import OpenBreaker
from shared.storage.driver import Collection, mapped_errors, to_document, with_id

MOST = 10_000
"""More than a registry has targets."""


class Breakers:
    """Open breakers by target (`provider/model`). Every change is guarded: of many processes one probes a target."""

    def __init__(self, collection: Collection) -> None:
        self._breakers = collection

    async def all(self) -> list[OpenBreaker]:
        with mapped_errors():
            documents = await self._breakers.find({}).to_list(MOST)
        return [OpenBreaker.model_validate(with_id(document)) for document in documents]

    async def open(self, breaker: OpenBreaker) -> None:
        """Opens it, or opens it anew: whoever probed it has found nothing better."""
        document = to_document(breaker)
        del document["_id"]
        with mapped_errors():
            await self._breakers.update_one({"_id": breaker.id}, {"$set": document}, upsert=True)

    async def probe(self, target: str, at: datetime, until: datetime) -> bool:
        """Whether the caller is the one that may probe the target now; nobody else may before `until`."""
        free = {"$or": [{"probing_until": None}, {"probing_until": {"$lte": at}}]}
        with mapped_errors():
            result = await self._breakers.update_one(
                {"_id": target, "open_until": {"$lte": at}, **free}, {"$set": {"probing_until": until}}
            )
        return bool(result.modified_count)

    async def release(self, target: str) -> None:
        """The probe said nothing of the target (it was refused for what it asked, or interrupted): another may."""
        with mapped_errors():
            await self._breakers.update_one({"_id": target}, {"$set": {"probing_until": None}})

    async def close(self, target: str) -> None:
        with mapped_errors():
            await self._breakers.delete_one({"_id": target})
