"""The repository of quotas: how much a user has had in a period, exact however many gateways count at once."""

from datetime import datetime

from pydantic import Field

from shared.contracts.model import Contract
from shared.storage.driver import Collection, mapped_errors, with_id


class Allowance(Contract):
    """What a period allows: so many requests, and so many nano-dollars."""

    requests: int
    cost_nanos: int


class QuotaUsage(Contract):
    """What was had of a quota. `cost_nanos` holds what `open` reserves: the estimates of runs that have not ended."""

    id: str
    requests: int = 0
    cost_nanos: int = 0
    open: dict[str, int] = Field(default_factory=dict)


class Quotas:
    """Quotas by key (whose, and which period). A run's estimate is reserved before it starts, and settled once."""

    def __init__(self, collection: Collection) -> None:
        self._quotas = collection

    async def get(self, key: str) -> QuotaUsage:
        with mapped_errors():
            document = await self._quotas.find_one({"_id": key})
        return QuotaUsage.model_validate(with_id(document)) if document else QuotaUsage(id=key)

    async def take(
        self, key: str, run_id: str, estimate_nanos: int, allowance: Allowance, expires_at: datetime
    ) -> bool:
        """Counts a request and reserves its estimate, or neither: False where the allowance does not hold both."""
        if await self._took(key, run_id, estimate_nanos, allowance):
            return True
        await self._begin(key, expires_at)
        return await self._took(key, run_id, estimate_nanos, allowance)

    async def settle(self, key: str, run_id: str, cost_nanos: int) -> None:
        """What the run really cost takes the place of its estimate, once."""
        reserved = f"open.{run_id}"
        difference = {"$subtract": [cost_nanos, f"${reserved}"]}
        with mapped_errors():
            await self._quotas.update_one(
                {"_id": key, reserved: {"$exists": True}},
                [{"$set": {"cost_nanos": {"$add": ["$cost_nanos", difference]}}}, {"$unset": reserved}],
            )

    async def _took(self, key: str, run_id: str, estimate_nanos: int, allowance: Allowance) -> bool:
        guard = {
            "requests": {"$lt": allowance.requests},
            "cost_nanos": {"$lte": allowance.cost_nanos - estimate_nanos},
        }
        with mapped_errors():
            result = await self._quotas.update_one(
                {"_id": key, **guard},
                {"$inc": {"requests": 1, "cost_nanos": estimate_nanos}, "$set": {f"open.{run_id}": estimate_nanos}},
            )
        return bool(result.modified_count)

    async def _begin(self, key: str, expires_at: datetime) -> None:
        document = {"requests": 0, "cost_nanos": 0, "open": {}, "expires_at": expires_at}
        with mapped_errors():
            await self._quotas.update_one({"_id": key}, {"$setOnInsert": document}, upsert=True)
