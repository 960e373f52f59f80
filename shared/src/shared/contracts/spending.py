"""What calls cost in a time, by what they are grouped by."""

from shared.contracts.model import Contract
from shared.contracts.transcript import Usage


class SpendingGroup(Contract):
    """The calls that have a key in common; of `estimated_calls` some count of tokens is not the provider's."""

    key: str = ""
    calls: int = 0
    estimated_calls: int = 0
    usage: Usage = Usage()


class Spending(Contract):
    """Groups and the sum of all calls; `more` says that there are groups that are not told."""

    groups: tuple[SpendingGroup, ...] = ()
    total: SpendingGroup = SpendingGroup()
    more: bool = False
