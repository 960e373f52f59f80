"""Runs that were played, made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.contracts.enums import EndedReason, EntryKind, JudgementStatus, RunKind, Side, Stage
from shared.contracts.judgement import CriterionJudgement, Judgement
from shared.contracts.runs import Budget, Control, Run
from shared.contracts.settings import ConversationSettings, Criterion, JudgeSettings, Participant, RunSettings
from shared.contracts.transcript import Entry, Usage
from summarizer.played_run import PlayedConversation, PlayedRun

BEGUN = datetime(2026, 11, 21, 10, tzinfo=UTC)
RUN = "run1"
AGENT_PROMPT = "You are a helpful assistant."


def participant(prompt: str = AGENT_PROMPT) -> Participant:
    return Participant(name="Clerk", system_prompt=prompt, provider="demo", model="demo-fast")


def scenario(
    goal: str | None = "A refund is confirmed.", criteria: Sequence[str] = (), prompt: str = AGENT_PROMPT
) -> ConversationSettings:
    return ConversationSettings(
        agent=participant(prompt),
        opponent=participant("A person."),
        goal=goal,
        criteria=tuple(Criterion(id=name, text=f"It is {name}.") for name in criteria),
        judge=JudgeSettings(provider="demo", model="demo-fast"),
    )


def run_of(total: int, *, played: ConversationSettings | None = None, kind: RunKind = RunKind.SCALE) -> Run:
    return Run(
        id=RUN,
        tenant="default",
        user="anonymous",
        kind=kind,
        settings=RunSettings(
            kind=kind,
            total=total,
            concurrency=total,
            scenarios=(played or scenario(),),
            max_budget_nanos=100_000_000,
            report=participant(""),
        ),
        control=Control(changed_at=BEGUN),
        budget=Budget(max=100_000_000),
        created_at=BEGUN,
        deadline_at=BEGUN + timedelta(hours=2),
        started_at=BEGUN,
        ended=tuple(range(1, total + 1)),
    )


def message(
    index: int, seq: int, text: str, *, latency_ms: float | None = None, given: bool = False, inherited: bool = False
) -> Entry:
    """Message `seq` of conversation `index`: the opponent's where seq is odd."""
    return Entry(
        conversation_id=f"{RUN}-{index}",
        run_id=RUN,
        tenant="default",
        seq=seq,
        kind=EntryKind.MESSAGE,
        created_at=BEGUN + timedelta(seconds=seq),
        side=Side.OPPONENT if seq % 2 else Side.AGENT,
        content=text,
        attempt=None if given else f"attempt-{index}-{seq}",
        latency_ms=latency_ms,
        ttft_ms=None if latency_ms is None else latency_ms / 10,
        inherited=inherited,
    )


def conversation(
    index: int,
    reason: EndedReason = EndedReason.LIMIT,
    texts: Sequence[str] = (),
    *,
    messages: Sequence[Entry] = (),
    decided_by: int | None = None,
    judged: bool = True,
    statuses: dict[str, str] | None = None,
) -> PlayedConversation:
    """A conversation that ended; `statuses` says what its last judgement found, criterion by criterion."""
    spoken = tuple(messages) or tuple(message(index, seq, text) for seq, text in enumerate(texts, 1))
    return PlayedConversation(
        id=f"{RUN}-{index}",
        index=index,
        messages=spoken,
        ended_reason=reason,
        ended_at=BEGUN + timedelta(minutes=index),
        goal_reached=reason is EndedReason.GOAL if judged else None,
        decided_by=decided_by,
        judgement=None if statuses is None else _judgement(statuses),
    )


def _judgement(statuses: dict[str, str]) -> Judgement:
    criteria = tuple(CriterionJudgement(id=name, status=status) for name, status in statuses.items())
    return Judgement(seq=2, stage=Stage.FAST, status=JudgementStatus.INCOMPLETE, criteria=criteria)


def material(
    conversations: Sequence[PlayedConversation],
    *,
    played: ConversationSettings | None = None,
    usage: Usage | None = None,
) -> PlayedRun:
    return PlayedRun(run_of(len(conversations), played=played), tuple(conversations), usage or Usage())
