"""A conversation as it is stored: projections only, for its truth is its transcript."""

from datetime import datetime

from shared.contracts.enums import EndedReason
from shared.contracts.model import Contract
from shared.contracts.transcript import Usage


class Conversation(Contract):
    """One transcript inside a run. Totals are set when it has ended, by aggregation.

    `substituted` says that another model spoke or judged than its run had resolved.
    `clock_started_at` is `started_at` less the run's pauses before it: its time is up at `clock_started_at` + its limit
    + the run's `paused_seconds`. `deadline_at` leaves the pauses out (the sweeper's index).
    """

    id: str
    run_id: str
    tenant: str
    index: int
    started_at: datetime
    clock_started_at: datetime
    deadline_at: datetime
    ended_reason: EndedReason | None = None
    goal_reached: bool | None = None
    decided_by: int | None = None
    messages: int = 0
    usage: Usage = Usage()
    ended_at: datetime | None = None
    tags: tuple[str, ...] = ()
    substituted: bool = False
