"""What is believed of a judge's answer: only what the transcript proves."""

from typing import Any

import orjson
import pytest

from llm_runner.purposes.judge import read_answer
from shared.contracts.enums import JudgementStatus, Purpose, Stage
from shared.contracts.judgement import Judgement
from shared.contracts.settings import ConversationSettings, Criterion
from support.builders import JUDGE, job, message, scenario

TRANSCRIPT = [message("run-1", 1, "I want my money back."), message("run-1", 2, "The refund\n is confirmed: RF-12345.")]
GOAL = scenario(judge=JUDGE)
LISTED = GOAL.model_copy(
    update={
        "criteria": (
            Criterion(id="confirms", text="Confirms the refund."),
            Criterion(id="polite", text="Is polite.", required=False),
        )
    }
)
JOB = job("run-1", 2, Purpose.JUDGE, stage="strong")


def _met(identifier: str = "goal", seq: Any = 2, quote: Any = "refund is confirmed") -> dict[str, Any]:
    return {"id": identifier, "status": "met", "seq": seq, "quote": quote}


def _answer(status: str, *criteria: dict[str, Any], **fields: Any) -> str:
    return orjson.dumps(
        {"status": status, "confidence": 0.9, "reason": "so", "criteria": list(criteria)} | fields
    ).decode()


def _read(text: str, settings: ConversationSettings = GOAL) -> Judgement | None:
    return read_answer(text, JOB, settings, TRANSCRIPT)


def test_a_goal_with_a_verbatim_quote_is_complete() -> None:
    judgement = _read(_answer("complete", _met()))
    assert judgement is not None
    assert (judgement.status, judgement.stage, judgement.seq) == (JudgementStatus.COMPLETE, Stage.STRONG, 2)
    assert (judgement.confidence, judgement.reason) == (0.9, "so")
    assert (judgement.criteria[0].seq, judgement.criteria[0].quote) == (2, "refund is confirmed")


@pytest.mark.parametrize(
    "claim",
    [
        _met(quote="refund was confirmed"),
        _met(seq=1),
        _met(seq=9),
        _met(seq="2"),
        _met(seq=True),
        _met(seq=2.0),
        _met(seq=[2]),
        _met(seq=1, quote="I want my money back."),
        _met(quote="N"),
        _met(quote="refund"),
        _met(quote="is confirmed"),
        _met(quote="."),
        _met(quote=["refund is confirmed"]),
        _met(quote=""),
        _met(quote=None),
        {"id": "goal", "status": "met"},
        {"id": "goal", "status": "fulfilled"},
        {"id": "other", "status": "met"},
        _met() | {"id": ["goal"]},
        _met() | {"id": True},
        _met() | {"status": ["met"]},
    ],
)
def test_a_claim_without_proof_is_unknown(claim: dict[str, Any]) -> None:
    judgement = _read(_answer("complete", claim))
    assert judgement is not None
    assert judgement.status is JudgementStatus.UNKNOWN
    assert (judgement.criteria[0].status, judgement.criteria[0].seq, judgement.criteria[0].quote) == (
        "unknown",
        None,
        None,
    )


@pytest.mark.parametrize(
    "quote",
    ["The refund is confirmed: RF-12345.", "“The **refund** is confirmed: RF–12345.”", "...refund is\nconfirmed…"],
)
def test_typography_loses_no_honest_success(quote: str) -> None:
    judgement = _read(_answer("complete", _met(quote=quote)))
    assert judgement is not None
    assert judgement.status is JudgementStatus.COMPLETE


def test_a_short_message_proves_as_a_whole() -> None:
    judgement = read_answer(_answer("complete", _met(quote="Done!")), JOB, GOAL, [message("run-1", 2, "Done!")])
    assert judgement is not None
    assert judgement.criteria[0].quote == "Done!"


def test_of_several_proofs_the_first_that_checks_is_kept() -> None:
    judgement = _read(_answer("complete", _met(seq=1), _met(quote="nowhere to be found"), _met(quote="The refund is")))
    assert judgement is not None
    assert (judgement.status, judgement.criteria[0].quote) == (JudgementStatus.COMPLETE, "The refund is")


def test_a_claim_that_contradicts_itself_is_unknown() -> None:
    judgement = _read(_answer("complete", {"id": "goal", "status": "unmet"}, _met()))
    assert judgement is not None
    assert (judgement.status, judgement.criteria[0].status) == (JudgementStatus.UNKNOWN, "unknown")


def test_a_criterion_is_known_by_its_id_on_one_line() -> None:
    settings = GOAL.model_copy(update={"criteria": (Criterion(id="is\nkind", text="Is kind."),)})
    judgement = _read(_answer("complete", _met("is kind")), settings)
    assert judgement is not None
    assert (judgement.criteria[0].id, judgement.criteria[0].status) == ("is\nkind", "met")


def test_complete_with_an_unmet_required_criterion_is_incomplete() -> None:
    judgement = _read(_answer("complete", {"id": "confirms", "status": "unmet"}, _met("polite")), LISTED)
    assert judgement is not None
    assert judgement.status is JudgementStatus.INCOMPLETE


def test_an_optional_criterion_does_not_stand_in_the_way() -> None:
    judgement = _read(_answer("complete", _met("confirms")), LISTED)
    assert judgement is not None
    assert judgement.status is JudgementStatus.COMPLETE
    assert [criterion.status for criterion in judgement.criteria] == ["met", "unknown"]


def test_incomplete_stays_what_it_is() -> None:
    judgement = _read(_answer("incomplete", _met()))
    assert judgement is not None
    assert judgement.status is JudgementStatus.INCOMPLETE


def test_code_fences_are_read_through() -> None:
    assert _read("```json\n" + _answer("complete", _met()) + "\n```") == _read(_answer("complete", _met()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The goal is reached.",
        "[]",
        "{}",
        _answer("done"),
        _answer("complete", confidence="high"),
        _answer("complete", confidence=7),
        _answer("complete", confidence=True),
        _answer("complete", confidence=None),
        _answer("complete", confidence=[0.9]),
        '{"status": ["complete"], "confidence": 0.9}',
        '{"status": {"complete": true}, "confidence": 0.9}',
        '{"status": true, "confidence": 0.9}',
        "[" * 100_000,
        '{"status": "complete", "confidence": 0.9, "criteria": "all"}',
    ],
)
def test_an_answer_of_another_shape_is_not_read(text: str) -> None:
    assert _read(text) is None


@pytest.mark.parametrize("text", ["```" + "\n" * 200_000 + "x", "```json" + " \n" * 100_000, "\n" * 200_000 + "```"])
def test_fences_without_an_end_take_no_time(text: str) -> None:
    """A pattern took 1.2 s for 8,000 lines and a square of that for more: a test's own time limit is enough."""
    assert _read(text) is None


def test_a_reason_of_another_type_is_none() -> None:
    judgement = _read(_answer("complete", _met(), reason={"because": 1}))
    assert judgement is not None
    assert judgement.reason is None
