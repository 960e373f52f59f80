"""The events of a run, as they stand on NATS and on every SSE stream (spec/api.md, "Event stream of a run").

Facts carry a message id and stand once, in causal order; hints carry none and may repeat
(spec/turn-protocol.md section 10). Deltas are encoded by hand in llm-runner: they are the hot path.
"""

from datetime import datetime
from typing import Literal, Self

from shared.contracts.identity import message_fact
from shared.contracts.judgement import CriterionJudgement, Judgement
from shared.contracts.record import Message, Record
from shared.contracts.runs import BudgetView, Run, StatusView, status_view
from shared.contracts.transcript import Entry, Failure, MessageView, UsageView, content_facts, message_view
from shared.contracts.words import EndedReason, JudgementStatus, Purpose, RunKind, RunStatus, Side, Stage


class RunEvent(Message):
    """What stands on `run.<run_id>.events`."""


class AgentShown(Record):
    id: str | None
    name: str
    version: int | None


class RunStarted(RunEvent):
    type: Literal["run.started"] = "run.started"
    kind: RunKind
    total: int
    goal: str | None
    agent: AgentShown
    max_budget_usd: float

    @property
    def message_id(self) -> str:
        return f"{self.run_id}:started"


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
    tool_call_id: str
    tool_name: str
    input: str


class ToolEnded(RunEvent):
    """A hint: a tool has answered; `output` as JSON text."""

    type: Literal["tool.ended"] = "tool.ended"
    conversation_id: str
    seq: int
    attempt: str
    tool_call_id: str
    tool_name: str
    output: str
    is_error: bool = False


class AttemptDiscarded(RunEvent):
    """A hint: an attempt's text does not count."""

    type: Literal["attempt.discarded"] = "attempt.discarded"
    conversation_id: str | None
    seq: int
    attempt: str
    reason: str
    next: Literal["retry", "fallback", "none"]
    next_provider: str | None = None


class MessageAdded(RunEvent, MessageView):
    """The message as REST shows it, authoritative over its deltas."""

    type: Literal["message"] = "message"
    conversation_id: str
    length: int
    sha256: str
    truncated: bool = False

    @property
    def message_id(self) -> str:
        return message_fact(self.conversation_id, self.seq)

    @classmethod
    def of(cls, entry: Entry) -> "MessageAdded":
        facts = content_facts(entry)
        shown = message_view(entry).model_dump(exclude={"judgement"})
        if facts["truncated"]:
            shown["content"] = None
        return cls.model_validate(
            shown | facts | {"run_id": entry.run_id, "at": entry.created_at, "conversation_id": entry.conversation_id}
        )


class JudgementMade(RunEvent):
    type: Literal["judgement"] = "judgement"
    conversation_id: str
    seq: int
    stage: Stage
    status: JudgementStatus
    confidence: float
    criteria: tuple[CriterionJudgement, ...] = ()

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
    reason: str | None = None
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
