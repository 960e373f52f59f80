"""Every way a provider refuses an answer, as one ProviderFailure: the one table of it, whatever the dialect.

What a provider writes into an error is shown where it helps: never for a refused key. It is not cut here, for keys are
looked for before that (`redaction.py`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from llm_runner.providers.provider import ProviderFailure
from shared.contracts.enums import FailureFamily as Family

NO_MONEY = "insufficient_quota"
STATUS_OF_WORD = {
    "invalid_api_key": 401,
    "invalid_authentication": 401,
    "authentication_error": 401,
    "unauthorized": 401,
    "unauthenticated": 401,
    "account_deactivated": 401,
    "permission_error": 403,
    "permission_denied": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "string_above_max_length": 400,
    "content_policy_violation": 400,
    "content_filter": 400,
    NO_MONEY: 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "overloaded_error": 503,
    "server_error": 500,
}
"""The status behind the words that providers use for it, where no status stands: inside a stream that has begun."""
FAMILY_OF_STATUS: Final[dict[int, Family]] = {
    401: Family.AUTH,
    402: Family.BILLING,
    403: Family.AUTH,
    404: Family.MODEL_NOT_FOUND,
    408: Family.TIMEOUT,
    409: Family.SERVER_ERROR,
    413: Family.CONTEXT_LENGTH,
    425: Family.OVERLOADED,
    429: Family.RATE_LIMIT,
    503: Family.OVERLOADED,
    504: Family.TIMEOUT,
    529: Family.OVERLOADED,
}
"""Any other below 500 speaks of what was asked, any other above of a fault of the provider's."""
FAMILY_OF_WORD: Final[dict[str, Family]] = {
    "context_length_exceeded": Family.CONTEXT_LENGTH,
    "string_above_max_length": Family.CONTEXT_LENGTH,
    "exceed_context_size_error": Family.CONTEXT_LENGTH,
    "content_policy_violation": Family.CONTENT_POLICY,
    "content_filter": Family.CONTENT_POLICY,
    NO_MONEY: Family.BILLING,
}
"""What a provider calls an error says more than its status."""


def refusal(provider: str, status: int, message: str, word: str, wait: timedelta | None = None) -> ProviderFailure:
    """The failure behind a status: nothing was charged for it.

    `message` is the provider's own and `word` its word for the kind of the error, both empty where it gives none;
    `wait` is for how long it asks to be left alone.
    """
    family = FAMILY_OF_WORD.get(word) or _family(STATUS_OF_WORD.get(word, status) if status == 500 else status)
    if family is Family.AUTH or STATUS_OF_WORD.get(word) in (401, 403):
        sentence = f"{provider} refused the key ({status}); check the variable that holds it"
        return ProviderFailure(Family.AUTH, sentence, charged=False)
    failure = ProviderFailure(family, f"{provider} answered {status}{': ' + message if message else ''}", charged=False)
    failure.retry_after = wait if failure.retryable else None
    return failure


def _family(status: int) -> Family:
    return FAMILY_OF_STATUS.get(status) or (Family.SERVER_ERROR if status >= 500 else Family.BAD_REQUEST)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long the provider asks to be left alone: `retry-after-ms`, or `Retry-After` in seconds or as a date."""
    try:
        if "retry-after-ms" in headers:
            return timedelta(milliseconds=max(0.0, float(headers["retry-after-ms"])))
        value = headers.get("retry-after", "")
        if value.replace(".", "", 1).isdigit():
            return timedelta(seconds=float(value))
        return max(timedelta(), parsedate_to_datetime(value) - datetime.now(UTC)) if value else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
