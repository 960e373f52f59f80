"""An answer that failed, as the status of a whole (JSON) answer."""

from collections.abc import Mapping
from typing import Final

from gateway.errors import ApiError

STATUSES: Final = {
    "budget_exceeded": 402,
    "context_too_long": 400,
    "invalid_model": 400,
    "models_unavailable": 503,
    "provider_timeout": 504,
    "unavailable": 503,
}
RETRY_AFTER: Final = {"Retry-After": "5"}


class AnswerFailed(ApiError):
    """What an answer's failure is called, under its own code."""

    status = 502
    code = "provider_error"

    def __init__(self, code: str, sentence: str, details: Mapping[str, object]) -> None:
        status = STATUSES.get(code, 502)
        super().__init__(sentence, details, headers=RETRY_AFTER if status == 503 else None)
        self.status, self.code = status, code  # type: ignore[misc] # every code of a stream has a status here
