"""Every way a provider refuses an answer, as one ProviderFailure: the one table of it, whatever the dialect.

What a provider writes into an error is shown where it helps: never for a refused key. It is not cut here, for keys are
looked for before that (`redaction.py`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from llm_runner.providers.provider import (
    CONTEXT_TOO_LONG,
    INVALID_MODEL,
    PROVIDER_ERROR,
    PROVIDER_TIMEOUT,
    ProviderFailure,
)

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})
SPEAK_OF_ALL = frozenset({401, 402, 403, 408, 425, 429})
"""Below 500 the others speak of what was asked."""
TOO_LONG_CODES = frozenset({"context_length_exceeded", "string_above_max_length"})
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
_KEY_REFUSED = frozenset(word for word, status in STATUS_OF_WORD.items() if status in (401, 403))


def refusal(provider: str, status: int, message: str, word: str, wait: timedelta | None = None) -> ProviderFailure:
    """The failure behind a status: nothing was charged for it.

    `message` is the provider's own and `word` its word for the kind of the error, both empty where it gives none;
    `wait` is for how long it asks to be left alone.
    """
    if status in (401, 403) or word in _KEY_REFUSED:
        sentence = f"{provider} refused the key ({status}); check the variable that holds it"
        return ProviderFailure(PROVIDER_ERROR, sentence, retryable=False, charged=False)
    retryable = (status in RETRYABLE_STATUSES or status >= 500) and word != NO_MONEY
    return ProviderFailure(
        _code(status, word),
        f"{provider} answered {status}{': ' + message if message else ''}",
        retryable=retryable,
        charged=False,
        retry_after=wait if retryable else None,
        of_request=400 <= status < 500 and status not in SPEAK_OF_ALL,
    )


def _code(status: int, word: str) -> str:
    if word in TOO_LONG_CODES or status == 413:
        return CONTEXT_TOO_LONG
    if status == 404:
        return INVALID_MODEL
    return PROVIDER_TIMEOUT if status in (408, 504) else PROVIDER_ERROR


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
