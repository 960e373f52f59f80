"""What a failed answer is as a status: its class is kept, and says when to come again."""

import pytest

from gateway.answers.answer_events import Answered, Closed
from gateway.answers.failures import AnswerFailed, failure_of
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.transcript import Failure

BY_FAMILY = {
    Family.AUTH: (502, None),
    Family.BILLING: (502, None),
    Family.RATE_LIMIT: (429, "5"),
    Family.OVERLOADED: (503, "5"),
    Family.SERVER_ERROR: (502, None),
    Family.TIMEOUT: (504, None),
    Family.CUT: (502, None),
    Family.PROTOCOL: (502, None),
    Family.EMPTY: (502, None),
    Family.CONTEXT_LENGTH: (400, None),
    Family.CONTENT_POLICY: (400, None),
    Family.UNSUPPORTED_PARAMETER: (400, None),
    Family.BAD_REQUEST: (400, None),
}


def told(**fields: object) -> AnswerFailed:
    return AnswerFailed(Failure.model_validate({"code": "provider_error", "message": "No."} | fields), {"seq": 2})


@pytest.mark.parametrize(("family", "wanted"), BY_FAMILY.items())
def test_family_decides_the_status(family: Family, wanted: tuple[int, str | None]) -> None:
    failed = told(family=family)
    assert (failed.status, failed.headers.get("Retry-After")) == wanted
    assert failed.details == {"seq": 2, "family": family.value}


def test_unknown_model_is_told_by_its_code() -> None:
    assert told(code="invalid_model", family=Family.MODEL_NOT_FOUND).status == 400


@pytest.mark.parametrize(("asked", "shown"), [(0, "1"), (0.2, "1"), (7.2, "8"), (None, "5"), (1e12, "86400")])
def test_wait_is_whole_seconds_within_a_day(asked: float | None, shown: str) -> None:
    assert told(family="rate_limit", retry_after=asked).headers["Retry-After"] == shown
    assert told(code="models_unavailable", retry_after=asked).headers["Retry-After"] == shown


def test_both_ends_of_an_answer_hold_the_failure() -> None:
    error = {"code": "provider_error", "message": "Too many.", "family": "rate_limit", "retryAfter": 7.0}
    told_by_message = failure_of(Answered(1, {"content": "", "finishReason": "error", "error": error}))
    assert told_by_message == failure_of(Closed(1, "provider_error", "Too many.", Family.RATE_LIMIT, 7.0))
    assert failure_of(Answered(1, {"content": ""})).code == "provider_error"
