"""The events of a run have exactly the names of the contract (docs/api.md, "Event stream of a run")."""

import json
from typing import Any

import pytest

from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, RunKind, RunStatus, Side, Stage
from shared.contracts.events import (
    AgentShown,
    AttemptDiscarded,
    AttemptStarted,
    ControlChanged,
    ConversationEnded,
    JudgementMade,
    MessageAdded,
    Progressed,
    ReportReady,
    RunEnded,
    RunEvent,
    RunStarted,
)
from shared.contracts.identity import content_hash
from shared.contracts.judgement import CriterionJudgement, Judgement
from shared.contracts.timestamps import now
from shared.contracts.transcript import MESSAGE_EVENT_LIMIT, UsageView
from support.builders import message, run

AT = now()
RUN = run(status=RunStatus.COMPLETE, ended_at=AT)
JUDGEMENT = Judgement(
    seq=2,
    stage=Stage.FAST,
    status=JudgementStatus.COMPLETE,
    confidence=0.9,
    reason="kept inside",
    criteria=(CriterionJudgement(id="c1", status="met", seq=2, quote="done"),),
)
STATUS = (
    "id jobId clientId kind subject status terminal progress total completed failed inProgress conversationIds "
    "conversationIdsTruncated usage budget startedAt updatedAt endedAt lastEventAt eventSequence reportReady "
    "downloadUrl links error currentTurn goalReached endedReason winner"
)
MESSAGE = (
    "id seq role side content createdAt model provider promptTokens completionTokens costUsd latencyMs ttftMs "
    "finishReason attempt judgement inherited conversationId length sha256 truncated"
)
ATTEMPT_STARTED = AttemptStarted(
    run_id="r",
    at=AT,
    conversation_id="r-1",
    seq=1,
    side=Side.AGENT,
    purpose=Purpose.TURN,
    attempt="a",
    attempt_number=1,
    provider="demo",
    model="demo-fast",
)
RUN_STARTED = RunStarted(
    run_id="r",
    at=AT,
    kind=RunKind.BATTLE,
    total=1,
    goal=None,
    agent=AgentShown(id="a", name="seller", version=1),
    max_budget_usd=0.05,
)
ENDED = ConversationEnded(
    run_id="r",
    at=AT,
    conversation_id="r-1",
    ended_reason=EndedReason.GOAL,
    goal_reached=True,
    decided_by=2,
    messages=3,
    usage=UsageView(),
)
DISCARDED = AttemptDiscarded(
    run_id="r", at=AT, conversation_id="r-1", seq=1, attempt="a", reason="provider_error", next="retry"
)
TABLE: list[tuple[RunEvent, str]] = [
    (RUN_STARTED, "kind total goal agent maxBudgetUsd models"),
    # `stage` and `passNumber` are ours: a runner counts its attempts by them.
    (ATTEMPT_STARTED, "conversationId seq side purpose attempt attemptNumber provider model stage passNumber"),
    (DISCARDED, "conversationId seq attempt reason next nextProvider"),
    (MessageAdded.of(message("r-1", 1)), MESSAGE),
    (JudgementMade.of("r", AT, "r-1", JUDGEMENT), "conversationId seq stage status confidence criteria"),
    (ENDED, "conversationId endedReason goalReached decidedBy messages usage error"),
    (Progressed.of(RUN), "status progress total completed failed inProgress usage budget"),
    (ControlChanged(run_id="r", at=AT, type="run.paused", version=2), "version"),
    (ReportReady(run_id="r", at=AT, status="ready"), "status reason successRate successInterval"),
    (RunEnded.of(RUN), STATUS),
]
FACTS = {
    "run.started": "r:started",
    "message": "r-1:1:message",
    "judgement": "r-1:2:judgement:fast",
    "conversation.ended": "r-1:ended",
    "report.ready": "r:report",
    "run.ended": f"{RUN.id}:run:ended",
}


def wire(event: RunEvent) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(event.to_json())
    return parsed


@pytest.mark.parametrize(("event", "names"), TABLE, ids=lambda one: getattr(one, "type", ""))
def test_event_has_the_names_of_the_contract_and_no_other(event: RunEvent, names: str) -> None:
    assert set(wire(event)) == {"type", "schemaVersion", "runId", "at", *names.split()}


@pytest.mark.parametrize(("event", "names"), TABLE, ids=lambda one: getattr(one, "type", ""))
def test_facts_have_a_name_and_hints_have_none(event: RunEvent, names: str) -> None:
    assert event.message_id == FACTS.get(event.type)


@pytest.mark.parametrize(("event", "names"), TABLE, ids=lambda one: getattr(one, "type", ""))
def test_event_comes_back_from_the_wire_as_it_was(event: RunEvent, names: str) -> None:
    assert type(event).model_validate_json(event.to_json()) == event


@pytest.mark.parametrize(
    ("event", "part", "names"),
    [
        (RUN_STARTED, "agent", "id name version"),
        (ENDED, "usage", "promptTokens completionTokens costUsd"),
        (Progressed.of(RUN), "budget", "maxUsd spentUsd"),
        (RunEnded.of(RUN), "links", "status events messages conversations report"),
    ],
)
def test_parts_of_events_have_the_names_of_the_contract(event: RunEvent, part: str, names: str) -> None:
    assert set(wire(event)[part]) == set(names.split())


def test_judgement_shows_its_criteria_and_keeps_its_reason_inside() -> None:
    shown = wire(JudgementMade.of("r", AT, "r-1", JUDGEMENT))
    assert shown["criteria"] == [{"id": "c1", "status": "met", "seq": 2, "quote": "done"}]
    assert "reason" not in shown


@pytest.mark.parametrize(("side", "role"), [(Side.AGENT, "assistant"), (Side.OPPONENT, "user")])
def test_role_of_a_message_is_seen_from_the_agent(side: Side, role: str) -> None:
    assert wire(MessageAdded.of(message("r-1", 1, side=side)))["role"] == role


@pytest.mark.parametrize(
    ("content", "truncated"),
    [
        ("x" * MESSAGE_EVENT_LIMIT, False),
        ("x" * (MESSAGE_EVENT_LIMIT + 1), True),
        ("ä" * (MESSAGE_EVENT_LIMIT // 2), False),
        ("ä" * (MESSAGE_EVENT_LIMIT // 2 + 1), True),
    ],
)
def test_message_of_more_than_64_kilobytes_is_told_without_its_text(content: str, truncated: bool) -> None:
    shown = wire(MessageAdded.of(message("r-1", 1, content)))
    assert shown["truncated"] is truncated
    assert shown["content"] == (None if truncated else content)
    assert (shown["length"], shown["sha256"]) == (len(content), content_hash(content))


def test_end_of_a_run_is_its_final_status() -> None:
    shown = wire(RunEnded.of(RUN))
    assert (shown["id"], shown["status"], shown["terminal"]) == (RUN.id, "complete", True)
    assert shown["at"] == shown["endedAt"]
