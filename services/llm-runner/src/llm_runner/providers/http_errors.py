"""Every way an HTTP call fails, as one ProviderFailure: the one table of it.

What a provider writes into an error is shown where it helps: never for a refused key. It is not cut here, for keys are
looked for before that (`redaction.py`). What aiohttp says of an error holds addresses, and is not shown at all.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

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
"""The status behind the words that providers use for it, where no status is told: inside a stream that has begun."""
_KEY_REFUSED = frozenset(word for word, status in STATUS_OF_WORD.items() if status in (401, 403))


def misconfigured(provider: str) -> ProviderFailure:
    """An address, a key or a header that nothing can be sent with."""
    message = f"{provider} cannot be called as it is configured: look at its baseUrl"
    return ProviderFailure(PROVIDER_ERROR, message, retryable=False, charged=False)


def unreachable(provider: str, error: aiohttp.ClientError) -> ProviderFailure:
    """The failure behind an exception of aiohttp: only what was connected may have cost something."""
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return misconfigured(provider)
    kind = _kind(error)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientSSLError | aiohttp.ConnectionTimeoutError):
        return ProviderFailure(PROVIDER_ERROR, f"{provider} could not be reached: {kind}", charged=False)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return ProviderFailure(PROVIDER_TIMEOUT, f"{provider} did not answer in time")
    return ProviderFailure(PROVIDER_ERROR, f"{provider} broke the connection off: {kind}")


def _kind(error: aiohttp.ClientError) -> str:
    """What happened, in words that name no address."""
    for kind, words in _KINDS:
        if isinstance(error, kind):
            return words
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__


_KINDS: tuple[tuple[type[aiohttp.ClientError], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name is not known"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "no secure connection could be made"),
    (aiohttp.ConnectionTimeoutError, "no connection within the time for it"),
    (aiohttp.ServerDisconnectedError, "it hung up"),
    (aiohttp.ClientPayloadError, "its answer was cut"),
    (aiohttp.ClientResponseError, "it did not answer in HTTP"),
)


def refused(provider: str, status: int, body: bytes, headers: Mapping[str, str]) -> ProviderFailure:
    """The failure behind an answer that is no 200: nothing was charged for it."""
    said, code = _said(body)
    return _refusal(provider, status, said, code, headers)


def error_frame(error: object, provider: str) -> ProviderFailure:
    """An error inside a stream that has begun (OpenRouter and others answer 200 first)."""
    said, code = _described(error)
    numbers = [_number(value) for value in (error.get("code"), error.get("status"))] if isinstance(error, dict) else []
    status = next((number for number in numbers if number), None) or STATUS_OF_WORD.get(code, 500)
    return _refusal(provider, status, said, code, {})


def _refusal(provider: str, status: int, said: str, code: str, headers: Mapping[str, str]) -> ProviderFailure:
    if status in (401, 403) or code in _KEY_REFUSED:
        message = f"{provider} refused the key ({status}); check the variable that holds it"
        return ProviderFailure(PROVIDER_ERROR, message, retryable=False, charged=False)
    retryable = (status in RETRYABLE_STATUSES or status >= 500) and code != NO_MONEY
    return ProviderFailure(
        _code(status, code),
        f"{provider} answered {status}{': ' + said if said else ''}",
        retryable=retryable,
        charged=False,
        retry_after=retry_after(headers) if retryable else None,
        of_request=400 <= status < 500 and status not in SPEAK_OF_ALL,
    )


def _code(status: int, code: str) -> str:
    if code in TOO_LONG_CODES or status == 413:
        return CONTEXT_TOO_LONG
    if status == 404:
        return INVALID_MODEL
    return PROVIDER_TIMEOUT if status in (408, 504) else PROVIDER_ERROR


def _said(body: bytes) -> tuple[str, str]:
    """Message and code of an error in OpenAI's shape, or empty texts."""
    try:
        answered = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    return _described(answered.get("error")) if isinstance(answered, dict) else ("", "")


def _described(error: object) -> tuple[str, str]:
    """What an error says, and the first word for its kind: its code, or its type where that is a number or nothing."""
    if not isinstance(error, dict):
        return (error, "") if isinstance(error, str) else ("", "")
    message: Any = error.get("message")
    words = (error.get("code"), error.get("type"), error.get("status"))
    known = [word.lower() for word in words if isinstance(word, str) and not _number(word)]
    code = next((word for word in known if word in STATUS_OF_WORD), known[0] if known else "")
    return message if isinstance(message, str) else "", code


def _number(said: object) -> int | None:
    """The status that stands in an error, as a number or as text; None for anything else."""
    if isinstance(said, str) and len(said) == 3 and said.isascii() and said.isdecimal():
        said = int(said)
    return said if type(said) is int and 400 <= said < 600 else None


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
