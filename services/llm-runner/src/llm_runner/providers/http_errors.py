"""Every way an HTTP call fails, as one ProviderFailure: the one table of it.

What a provider writes into an error is shown only where it helps and cannot hold a key: never for 401 and 403.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import orjson

from llm_runner.providers.provider import (
    CONTEXT_TOO_LONG,
    INVALID_MODEL,
    PROVIDER_ERROR,
    PROVIDER_TIMEOUT,
    ProviderFailure,
)

SHOWN_CHARACTERS = 300
RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})
TOO_LONG_CODES = frozenset({"context_length_exceeded", "string_above_max_length"})
NO_MONEY = "insufficient_quota"


def unreachable(provider: str, error: aiohttp.ClientError) -> ProviderFailure:
    """The failure behind an exception of aiohttp: only what was connected may have cost something."""
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        message = f"{provider} cannot be called as it is configured: {_named(error)}"
        return ProviderFailure(PROVIDER_ERROR, message, retryable=False, charged=False)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientSSLError | aiohttp.ConnectionTimeoutError):
        return ProviderFailure(PROVIDER_ERROR, f"{provider} could not be reached: {_named(error)}", charged=False)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return ProviderFailure(PROVIDER_TIMEOUT, f"{provider} did not answer in time: {_named(error)}")
    return ProviderFailure(PROVIDER_ERROR, f"{provider} broke the connection off: {_named(error)}")


def _named(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()[:SHOWN_CHARACTERS]


def refused(provider: str, status: int, body: bytes, headers: Mapping[str, str]) -> ProviderFailure:
    """The failure behind an answer that is no 200: nothing was charged for it."""
    said, code = _said(body)
    if status in (401, 403):
        message = f"{provider} refused the key ({status}); check the variable that holds it"
        return ProviderFailure(PROVIDER_ERROR, message, retryable=False, charged=False)
    retryable = (status in RETRYABLE_STATUSES or status >= 500) and code != NO_MONEY
    return ProviderFailure(
        _code(status, code),
        f"{provider} answered {status}{': ' + said if said else ''}",
        retryable=retryable,
        charged=False,
        retry_after=retry_after(headers) if retryable else None,
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
        error = orjson.loads(body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return "", ""
    if not isinstance(error, dict):
        return (error[:SHOWN_CHARACTERS], "") if isinstance(error, str) else ("", "")
    return str(error.get("message") or "")[:SHOWN_CHARACTERS], str(error.get("code") or error.get("type") or "")


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long the provider asks to be left alone: `retry-after-ms`, or `Retry-After` in seconds or as a date."""
    try:
        if "retry-after-ms" in headers:
            return timedelta(milliseconds=max(0.0, float(headers["retry-after-ms"])))
        value = headers.get("retry-after", "")
        if value.replace(".", "", 1).isdigit():
            return timedelta(seconds=float(value))
        return max(timedelta(), parsedate_to_datetime(value) - datetime.now(UTC)) if value else None
    except (ValueError, TypeError, OverflowError):
        return None
