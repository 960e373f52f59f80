"""What GET /api/usage answers."""

from pydantic import Field

from shared.contracts.enums import SpendingKey
from shared.contracts.model import Contract
from shared.contracts.timestamps import Timestamp
from shared.contracts.transcript import UsageView


class UsageItem(Contract):
    """The calls with one key: a day in UTC, a `provider/model`, a run's id or a user."""

    key: str
    calls: int
    estimated_calls: int
    usage: UsageView


class UsageTotal(Contract):
    calls: int
    estimated_calls: int
    usage: UsageView


class UsagePage(Contract):
    """What was spent from `from` until before `to`; `hasMore` says that items beyond the 1,000th are in `total` only.

    `estimatedCalls` are those whose provider did not count all tokens.
    """

    start: Timestamp = Field(alias="from")
    to: Timestamp
    group_by: SpendingKey
    items: list[UsageItem]
    total: UsageTotal
    has_more: bool
