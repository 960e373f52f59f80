"""What a trigger proves by itself, so that its look reads nothing; None where it does not prove enough."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.proofs import proven_by_command, proven_by_done
from shared.contracts.enums import Purpose, Side
from shared.contracts.settings import GivenMessage
from shared.contracts.transcript import Failure, Usage
from shared.contracts.work import GenerationStored, RunCommanded
from support.builders import JUDGE, message, scenario

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HELLO = (GivenMessage(side=Side.OPPONENT, content="hello"),)
MEMORY_STARTS = 100
SPENT = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=15)


def done(seq: int = 2, purpose: Purpose = Purpose.CHAT, **fields: Any) -> GenerationStored:
    told: dict[str, Any] = {
        "side": Side.AGENT,
        "first": True,
        "stored_at": NOW,
        "conversation_started_at": NOW,
        "transcript_usage": SPENT,
    }
    return GenerationStored(run_id="r", at=NOW, conversation_id="r", seq=seq, purpose=purpose, **(told | fields))


def command(**fields: Any) -> RunCommanded:
    told: dict[str, Any] = {"message_seq": 3, "stored_at": NOW}
    return RunCommanded(run_id="r", at=NOW, conversation_id="r", **(told | fields))


def test_a_message_that_was_told_proves_that_its_answer_is_owed() -> None:
    question = message("r", 3)
    found = proven_by_command(command(question=question), scenario(given=HELLO), Purpose.CHAT)
    assert found is not None
    assert (found.facts.messages, found.facts.unanswered, found.cause_at) == (3, True, NOW)
    assert found.question == question


@pytest.mark.parametrize(
    ("of", "purpose"),
    [
        (command(stored_at=None), Purpose.CHAT),
        (command(message_seq=None), Purpose.CHAT),
        (command(), Purpose.ASSIST),
        (command(), Purpose.TURN),
    ],
)
def test_any_other_command_proves_nothing(of: RunCommanded, purpose: Purpose) -> None:
    assert proven_by_command(of, scenario(given=HELLO), purpose) is None


def test_an_answer_proves_that_nothing_is_owed() -> None:
    found = proven_by_done(done(seq=8), scenario(given=HELLO), Purpose.CHAT, MEMORY_STARTS)
    assert found is not None
    assert (found.facts.messages, found.facts.unanswered, found.only) == (8, False, None)


def test_the_only_answer_proves_all_that_was_paid_for() -> None:
    found = proven_by_done(done(purpose=Purpose.ASSIST), scenario(2, given=HELLO), Purpose.ASSIST, MEMORY_STARTS)
    assert found is not None
    assert found.only == SPENT


@pytest.mark.parametrize(
    "of",
    [
        done(first=False),
        done(failure=Failure(code="provider_error", message="no")),
        done(transcript_usage=None),
        done(conversation_started_at=None),
        done(context_tokens=MEMORY_STARTS + 1),
        done(purpose=Purpose.MEMORY),
    ],
    ids=["repeated", "failed", "no message", "no start", "long", "memory"],
)
def test_where_more_may_be_owed_it_proves_nothing(of: GenerationStored) -> None:
    assert proven_by_done(of, scenario(given=HELLO), Purpose.CHAT, MEMORY_STARTS) is None


def test_what_judges_say_of_an_earlier_message_is_not_proven() -> None:
    turn = done(seq=3, purpose=Purpose.TURN, side=Side.OPPONENT)
    assert proven_by_done(turn, scenario(judge=JUDGE), Purpose.TURN, MEMORY_STARTS) is None
    assert proven_by_done(turn, scenario(), Purpose.TURN, MEMORY_STARTS) is not None
