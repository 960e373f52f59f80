"""The events of a run, as they stand on NATS and on every SSE stream (docs/api.md, "Event stream of a run").

Facts carry a message id and stand once, in causal order; hints carry none and may repeat
(docs/protocol.md section 10). Deltas are the hot path: `deltas.py` writes and reads them.

Every event fits into a message of the broker, whatever a user, a model or an older version has written: what others
write is cut (`Word`, `Sentence`), or left out and read where it stands (`MessageAdded`).
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from shared.contracts.enums import EndedReason, FailureFamily, JudgementStatus, Purpose, RunKind, RunStatus, Side, Stage
from shared.contracts.identity import message_fact
from shared.contracts.judgement import Criteria, Judgement
from shared.contracts.model import Contract, Message, Sentence, ShownText, Word, absent
from shared.contracts.money import to_usd
from shared.contracts.routes import PlayedModel
from shared.contracts.runs import BudgetView, Run, StatusView, status_view
from shared.contracts.transcript import (
    MESSAGE_EVENT_LIMIT,
    Entry,
    Failure,
    MessageView,
    UsageView,
    content_digest,
    message_view,
    oversized_fields,
)

ToolText = Annotated[str, AfterValidator(lambda text: text if len(text.encode()) <= MESSAGE_EVENT_LIMIT else "null")]
"""JSON text of a tool; `null` where it is over 64 KB: the message has it."""


class RunEvent(Message):
    """What stands on `run.<run_id>.events`."""


class AgentShown(Contract):
    id: Word | None
    name: Word
    version: int | None


class RunStarted(RunEvent):
    """A fact: what a run plays, and with which models."""

    type: Literal["run.started"] = "run.started"
    kind: RunKind
    total: int
    goal: ShownText | None
    agent: AgentShown
    max_budget_usd: float
    models: tuple[PlayedModel, ...] = ()

    @property
    def message_id(self) -> str:
        return f"{self.run_id}:started"

    @classmethod
    def of(cls, run: Run) -> "RunStarted":
        scenario = run.settings.scenarios[0]
        agent = scenario.agent
        return cls(
            run_id=run.id,
            at=run.created_at,
            kind=run.kind,
            total=run.total,
            goal=scenario.goal,
            agent=AgentShown(id=agent.agent_id, name=agent.name, version=agent.agent_version),
            max_budget_usd=to_usd(run.budget.max),
            models=run.settings.models,
        )


class AttemptStarted(RunEvent):
    """A hint: a call to a provider begins. `conversation_id` is null for a run's own generations (report)."""

    type: Literal["attempt.started"] = "attempt.started"
    conversation_id: str | None
    seq: int
    side: Side | None
    purpose: Purpose
    stage: str | None = None
    pass_number: int = 0
    attempt: str
    attempt_number: int
    provider: str
    model: str


class ToolStarted(RunEvent):
    """A hint: the model asks for a tool; `input` as JSON text."""

    type: Literal["tool.started"] = "tool.started"
    conversation_id: str
    seq: int
    attempt: str
    tool_call_id: Word
    tool_name: Word
    input: ToolText


class ToolEnded(RunEvent):
    """A hint: a tool has answered; `output` as JSON text."""

    type: Literal["tool.ended"] = "tool.ended"
    conversation_id: str
    seq: int
    attempt: str
    tool_call_id: Word
    tool_name: Word
    output: ToolText
    is_error: bool = False


class AttemptDiscarded(RunEvent):
    """A hint: an attempt's text does not count."""

    type: Literal["attempt.discarded"] = "attempt.discarded"
    conversation_id: str | None
    seq: int
    attempt: str
    reason: Sentence
    next: Literal["retry", "fallback", "none"]
    next_provider: str | None = None
    next_model: Word | None = Field(default=None, exclude_if=lambda model: model is None)
    family: FailureFamily | None = Field(default=None, exclude_if=lambda family: family is None)


class MessageAdded(RunEvent, MessageView):
    """The message as REST shows it, authoritative over its deltas.

    `truncated` says that its text, or what stands beside it, was left out: REST has it whole.
    """

    type: Literal["message"] = "message"
    conversation_id: str
    model: Word | None = None
    finish_reason: Word | None = None
    client_message_id: Word | None = Field(default=None, exclude_if=lambda client_id: client_id is None)
    length: int
    sha256: str
    truncated: bool = False

    @property
    def message_id(self) -> str:
        return message_fact(self.conversation_id, self.seq)

    @classmethod
    def of(cls, entry: Entry) -> "MessageAdded":
        """The event of any entry that stands."""
        return cls._of(entry, oversized_fields(entry))

    @classmethod
    def whole(cls, entry: Entry) -> "MessageAdded":
        """As `of`, with nothing left out: for whoever shows it without the broker."""
        return cls._of(entry, {})

    @classmethod
    def _of(cls, entry: Entry, empty: dict[str, object]) -> "MessageAdded":
        kept = entry.model_copy(update=empty) if empty else entry
        shown = message_view(kept).model_dump(exclude={"judgement"})
        about = {"run_id": entry.run_id, "at": entry.created_at, "conversation_id": entry.conversation_id}
        return cls.model_validate(shown | content_digest(entry) | about | {"truncated": bool(empty)})


class JudgementMade(RunEvent):
    type: Literal["judgement"] = "judgement"
    conversation_id: str
    seq: int
    stage: Stage
    status: JudgementStatus
    confidence: float
    criteria: Criteria = ()

    @property
    def message_id(self) -> str:
        return f"{self.conversation_id}:{self.seq}:judgement:{self.stage}"

    @classmethod
    def of(cls, run_id: str, at: datetime, conversation: str, judgement: Judgement) -> "JudgementMade":
        return cls(
            run_id=run_id,
            at=at,
            conversation_id=conversation,
            seq=judgement.seq,
            stage=judgement.stage,
            status=judgement.status,
            confidence=judgement.confidence,
            criteria=judgement.criteria,
        )


class ConversationEnded(RunEvent):
    type: Literal["conversation.ended"] = "conversation.ended"
    conversation_id: str
    ended_reason: EndedReason
    goal_reached: bool | None
    decided_by: int | None
    messages: int
    usage: UsageView
    substituted: bool = Field(default=False, exclude_if=absent)
    error: Failure | None = None

    @property
    def message_id(self) -> str:
        return f"{self.conversation_id}:ended"


class Progressed(RunEvent):
    """A hint: where the run stands."""

    type: Literal["progress"] = "progress"
    status: RunStatus
    progress: int
    total: int
    completed: int
    failed: int
    in_progress: int
    usage: UsageView
    budget: BudgetView

    @classmethod
    def of(cls, run: Run) -> "Progressed":
        view = status_view(run)
        return cls(
            run_id=run.id,
            at=view.updated_at,
            status=view.status,
            progress=view.progress,
            total=view.total,
            completed=view.completed,
            failed=view.failed,
            in_progress=view.in_progress,
            usage=view.usage,
            budget=view.budget,
        )


class ControlChanged(RunEvent):
    """A hint: a control version was made true."""

    type: Literal["run.paused", "run.resumed", "run.canceled"]
    version: int


class ReportReady(RunEvent):
    type: Literal["report.ready"] = "report.ready"
    status: Literal["ready", "unavailable"]
    reason: Sentence | None = None
    success_rate: float | None = None
    success_interval: tuple[float, float] | None = None

    @property
    def message_id(self) -> str:
        return f"{self.run_id}:report"


class RunEnded(RunEvent, StatusView):
    """A run's last fact: the final status object."""

    type: Literal["run.ended"] = "run.ended"

    @property
    def message_id(self) -> str:
        # Not `<run>:ended`: a chat's run and conversation have one id, and both end.
        return f"{self.run_id}:run:ended"

    @classmethod
    def of(cls, run: Run) -> Self:
        view = status_view(run)
        return cls.model_validate(view.model_dump() | {"at": run.ended_at or view.updated_at})
