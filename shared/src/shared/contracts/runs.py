"""A run as it is stored, and the status object every door shows of it."""

from datetime import datetime, timedelta

from pydantic import Field

from shared.contracts import subjects
from shared.contracts.enums import TERMINAL, EndedReason, RunKind, RunStatus, Wanted
from shared.contracts.identity import conversation_id
from shared.contracts.kinds import KINDS, KindRules
from shared.contracts.model import Contract
from shared.contracts.money import to_usd
from shared.contracts.owner import Owner
from shared.contracts.settings import RunSettings
from shared.contracts.timestamps import Timestamp
from shared.contracts.transcript import Failure, Usage, UsageView

CONVERSATION_IDS_SHOWN = 100


class Control(Contract):
    """What is wanted of a run; `handled` is the version a look has made true.

    `stop_seq` is the greatest seq whose answer is to end with what it has, 0 where none is (a chat's stop).
    """

    wanted: Wanted = Wanted.RUN
    version: int = 1
    handled: int = 0
    stop_seq: int = 0
    changed_at: datetime


class Budget(Contract):
    """What a run may spend, has spent and has reserved, in nano-dollars."""

    max: int
    spent: int = 0
    open: int = 0


class Outcome(Contract):
    """How the one conversation of a run with a single one ended."""

    ended_reason: EndedReason
    goal_reached: bool | None


class Run(Contract):
    """One request for work. `ended` holds the indexes of counted conversations, in the order they were counted.

    Of a chat, `asked_seq` is the last message its person sent and `asked_at` when: unanswered while `current_turn` is
    below it. `expires_at` is when a run that is not kept for ever is forgotten.
    `deadline_at` is when its time is up without pauses; `paused_seconds`, the length of those that are over, moves it.
    """

    id: str
    tenant: str
    user: str
    kind: RunKind
    client_id: str | None = None
    idempotency_key: str | None = None
    body_hash: str | None = None
    estimated_nanos: int = 0
    parent: str | None = None
    settings: RunSettings
    control: Control
    budget: Budget
    usage: Usage = Usage()
    status: RunStatus = RunStatus.QUEUED
    ended: tuple[int, ...] = ()
    completed: int = 0
    failed: int = 0
    current_turn: int = 0
    asked_seq: int = 0
    asked_at: datetime | None = None
    expires_at: datetime | None = None
    outcome: Outcome | None = None
    error: Failure | None = None
    report_ready: bool = False
    paused_at: datetime | None = None
    paused_seconds: float = 0.0
    created_at: datetime
    deadline_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    last_event_at: datetime | None = None
    event_sequence: int = 0
    end_sequence: int | None = None

    @property
    def rules(self) -> KindRules:
        """What holds for runs of its kind."""
        return KINDS[self.kind]

    @property
    def due_at(self) -> datetime:
        """When its time is up, pauses that are over included."""
        return self.deadline_at + timedelta(seconds=self.paused_seconds)

    @property
    def total(self) -> int:
        return self.settings.total

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def owner(self) -> Owner:
        """Who asked for it."""
        return Owner(self.tenant, self.user)

    def is_of(self, owner: Owner) -> bool:
        """Whether it is the owner's: a chat or an answer is its user's, every other run its whole tenant's."""
        return self.owner == owner if self.rules.answers else self.tenant == owner.tenant

    def is_forgotten(self, at: datetime) -> bool:
        """Whether it was not to be kept until `at`: nobody is shown it any more, even where it still stands."""
        return self.expires_at is not None and self.expires_at <= at

    def conversation_id(self, index: int) -> str:
        """The id of its conversation `index`: its own where somebody waits for the answer."""
        return self.id if self.rules.answers else conversation_id(self.id, index)


class BudgetView(Contract):
    max_usd: float
    spent_usd: float


class Links(Contract):
    status: str
    events: str
    messages: str
    conversations: str
    report: str


class StatusView(Contract):
    """The status object (docs/api.md): polled, streamed, and the content of `run.ended`."""

    id: str
    job_id: str
    run_id: str
    client_id: str | None
    kind: RunKind
    subject: str
    status: RunStatus
    terminal: bool
    progress: int
    total: int
    completed: int
    failed: int
    in_progress: int
    conversation_ids: list[str]
    conversation_ids_truncated: bool
    usage: UsageView
    budget: BudgetView
    started_at: Timestamp | None
    updated_at: Timestamp
    ended_at: Timestamp | None
    last_event_at: Timestamp | None
    event_sequence: int
    report_ready: bool
    download_url: str | None
    links: Links
    error: Failure | None
    current_turn: int | None = None
    goal_reached: bool | None = None
    ended_reason: EndedReason | None = None
    winner: str | None = None
    parent: str | None = Field(default=None, exclude_if=lambda parent: parent is None)


def links_of(run: Run) -> Links:
    """Where a run is read: battles and scale tests under their own path, everything else under /api/runs.

    The messages of several conversations are read one conversation after the other: their list is where to begin.
    """
    base = f"/api/{run.rules.folder}/{run.id}"
    conversations = f"{base}/conversations"
    return Links(
        status=f"{base}/status",
        events=f"{base}/events",
        messages=conversations if run.total > 1 else f"{base}/messages",
        conversations=conversations,
        report=f"{base}/report",
    )


def _started(run: Run) -> int:
    """How many conversations have begun: position-based starts leave no counter to keep."""
    if run.started_at is None:
        return 0
    return min(run.total, run.settings.concurrency + len(run.ended))


def shown_status(run: Run) -> RunStatus:
    """The status a client sees: control that is wanted and not yet true shows as `pausing` or `canceling`."""
    if run.terminal:
        return run.status
    if run.control.wanted is Wanted.CANCEL:
        return RunStatus.CANCELING
    if run.control.wanted is Wanted.PAUSE:
        return RunStatus.PAUSED if run.status is RunStatus.PAUSED else RunStatus.PAUSING
    return RunStatus.RUNNING if run.started_at else RunStatus.QUEUED


def status_view(run: Run) -> StatusView:
    """The status object of a run. Pure: every replica and every door shows the same one."""
    single = run.total == 1
    links = links_of(run)
    shown = min(run.total, CONVERSATION_IDS_SHOWN)
    return StatusView(
        id=run.id,
        job_id=run.id,
        run_id=run.id,
        client_id=run.client_id,
        kind=run.kind,
        subject=subjects.events(run.id),
        status=shown_status(run),
        terminal=run.terminal,
        progress=round(100 * (run.completed + run.failed) / run.total),
        total=run.total,
        completed=run.completed,
        failed=run.failed,
        in_progress=0 if run.terminal else max(0, _started(run) - len(run.ended)),
        conversation_ids=[run.conversation_id(index) for index in range(1, shown + 1)],
        conversation_ids_truncated=run.total > shown,
        usage=UsageView.of(run.usage),
        budget=BudgetView(max_usd=to_usd(run.budget.max), spent_usd=to_usd(run.budget.spent)),
        started_at=run.started_at,
        updated_at=run.last_event_at or run.created_at,
        ended_at=run.ended_at,
        last_event_at=run.last_event_at,
        event_sequence=run.event_sequence,
        report_ready=run.report_ready,
        download_url=f"{links.report}?format=html" if run.report_ready else None,
        links=links,
        error=run.error,
        current_turn=run.current_turn if single else None,
        goal_reached=run.outcome.goal_reached if single and run.outcome else None,
        ended_reason=run.outcome.ended_reason if single and run.outcome else None,
        parent=run.parent,
    )
