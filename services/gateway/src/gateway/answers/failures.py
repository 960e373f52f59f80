"""An answer that failed, as the status of a whole (JSON) answer: a fault keeps its class on its way to the caller."""

import math
from collections.abc import Mapping
from typing import Final

from gateway.answers.answer_events import Answered, Closed
from gateway.errors import ApiError
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.transcript import Failure

STATUSES: Final = {
    "budget_exceeded": 402,
    "context_too_long": 400,
    "invalid_model": 400,
    "models_unavailable": 503,
    "provider_timeout": 504,
    "unavailable": 503,
}
FAMILY_STATUSES: Final = {
    Family.BAD_REQUEST: 400,
    Family.CONTENT_POLICY: 400,
    Family.CONTEXT_LENGTH: 400,
    Family.UNSUPPORTED_PARAMETER: 400,
    Family.RATE_LIMIT: 429,
    Family.OVERLOADED: 503,
    Family.TIMEOUT: 504,
}
"""Where the code alone does not say it. What is the operator's to mend (a key, a bill) is 502 to a caller."""
BAD_GATEWAY: Final = 502
PASSING: Final = (429, 503)
"""Statuses that say when to come again."""
RETRY_AFTER_SECONDS: Final = 5
"""Where nobody says when."""
LONGEST_RETRY_AFTER_SECONDS: Final = 86_400


class AnswerFailed(ApiError):
    """What an answer's failure is called, under its own code; `details.family` says what kind of fault it was."""

    status = BAD_GATEWAY
    code = "provider_error"

    def __init__(self, failure: Failure, details: Mapping[str, object]) -> None:
        status = status_of(failure)
        family = {"family": failure.family.value} if failure.family else {}
        headers = {"Retry-After": str(_retry_after(failure))} if status in PASSING else None
        super().__init__(failure.message, {**details, **family}, headers=headers)
        self.status, self.code = status, failure.code  # type: ignore[misc] # every failure has a status of its own


def status_of(failure: Failure) -> int:
    """The status of a failure: what its code says, else what its family says."""
    said = FAMILY_STATUSES.get(failure.family, BAD_GATEWAY) if failure.family else BAD_GATEWAY
    return STATUSES.get(failure.code, said)


def failure_of(end: Answered | Closed) -> Failure:
    """Why there is no answer, of an end that failed."""
    if isinstance(end, Closed):
        return Failure(code=end.code, message=end.sentence, family=end.family, retry_after=end.retry_after)
    error = end.message.get("error") or {}
    return Failure(
        code=error.get("code", "provider_error"),
        message=error.get("message", "No answer was made: try again."),
        family=error.get("family"),
        retry_after=error.get("retryAfter"),
    )


def _retry_after(failure: Failure) -> int:
    wait = RETRY_AFTER_SECONDS if failure.retry_after is None else math.ceil(failure.retry_after)
    return min(max(wait, 1), LONGEST_RETRY_AFTER_SECONDS)
