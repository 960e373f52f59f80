"""What a look tells its run's account, and what it makes of the answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.accounting import Owed, result_changes
from orchestrator.conversation_facts import ConversationFacts
from orchestrator.decide import RequestJudge, RequestMemory, RequestMessage
from orchestrator.snapshots import ConversationSnapshot
from shared.contracts.enums import Purpose, RunStatus, Side, Stage, Wanted
from shared.contracts.runs import Budget, Control
from shared.contracts.work import GenerationStored
from shared.storage.accounts import EventRecorded, Settle, judge_place
from shared.storage.run_accounts import RunAccountView, Slots
from support.builders import JUDGE, scenario

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGE, FAST = RequestMessage(3, Side.OPPONENT), RequestJudge(2, Stage.FAST)


def done(purpose: Purpose = Purpose.TURN, **fields: Any) -> GenerationStored:
    named: dict[str, Any] = {"run_id": "run", "at": NOW, "conversation_id": "run-1", "seq": 2, "stored_at": NOW}
    return GenerationStored(purpose=purpose, **(named | fields))


def owed(*effects: Any) -> Owed:
    facts = ConversationFacts(settings=scenario(4, JUDGE), messages=2)
    return Owed(ConversationSnapshot(facts, clock_started_at=NOW, cause_at=NOW), effects)


def view(turn: int = 0, judge: int = 0, **fields: Any) -> RunAccountView:
    run: dict[str, Any] = {"control": Control(changed_at=NOW), "budget": Budget(max=1)}
    run |= {"status": RunStatus.RUNNING, "due_at": NOW}
    return RunAccountView(slots=Slots(turn=turn, judge=judge), **(run | fields))


def test_message_closes_its_turn_and_says_how_far_the_conversation_is() -> None:
    assert result_changes(done(), 7) == (Settle("turn", 2), EventRecorded(7, NOW, 2))


def test_judgement_closes_the_place_of_its_stage_and_is_no_turn() -> None:
    judged = done(Purpose.JUDGE, stage="fast")
    assert result_changes(judged, 7) == (Settle("judge", judge_place(2, Stage.FAST)), EventRecorded(7, NOW, 0))


def test_memory_takes_the_slot_that_a_chat_has_no_judge_for() -> None:
    assert result_changes(done(Purpose.MEMORY), 0) == (Settle("judge", 2),)


def test_result_without_a_fact_moves_no_event() -> None:
    assert result_changes(done(), 0) == (Settle("turn", 2),)
    assert result_changes(done(stored_at=None), 7) == (Settle("turn", 2),)


def test_request_is_reserved_where_its_slot_holds_it_or_has_gone_past_it() -> None:
    asked = owed(FAST, MESSAGE, RequestMemory(1))
    fast = judge_place(2, Stage.FAST)
    assert asked.reserved(view()) == frozenset()
    assert asked.reserved(view(turn=3)) == {MESSAGE}
    assert asked.reserved(view(turn=5, judge=fast)) == {MESSAGE, FAST, RequestMemory(1)}
    assert asked.reserved(view(judge=fast - 1)) == {RequestMemory(1)}


def test_message_that_is_not_reserved_is_refused() -> None:
    assert owed(FAST, MESSAGE).facts(view(turn=2)).refused == {3}
    assert owed(FAST, MESSAGE).facts(view(turn=3)).refused == frozenset()


def test_run_says_what_is_wanted_and_when_time_is_up() -> None:
    limit = timedelta(seconds=scenario(4, JUDGE).time_limit_seconds)
    late = owed().facts(
        view(control=Control(wanted=Wanted.PAUSE, changed_at=NOW), due_at=NOW + 2 * limit, paused_seconds=5.0)
    )
    assert late.wanted is Wanted.PAUSE
    assert late.deadline_at == NOW + limit + timedelta(seconds=5)
    assert owed().facts(view()).deadline_at == NOW
