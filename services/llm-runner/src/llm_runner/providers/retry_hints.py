"""How long a provider asks to be left alone, wherever it says so: in a header, in its error, or in words. Pure.

A hint is given back as it is, however long: who waits decides (`retry_policy.py`).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from llm_runner.providers.error_bodies import ErrorBody

LONGEST: Final = timedelta(days=3650)
FIRST_EPOCH_SECOND: Final = 1_000_000_000
"""A number from here on is a moment in time, not a wait."""
LAST_EPOCH_SECOND: Final = 200_000_000_000.0
FIRST_EPOCH_MILLISECOND: Final = 1_000_000_000_000
_NUMBER: Final = re.compile(r"\d{1,15}(\.\d{1,12})?", re.ASCII)
_UNIT_SECONDS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SPAN: Final = re.compile(
    r"(\d{1,12}(?:\.\d{1,12})?)\s*(milliseconds?|msecs?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s|us|µs|ns)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_BETWEEN_SPANS: Final = re.compile(r"[\s,]{0,3}(?:and\s{1,3})?", re.IGNORECASE)
_ASKS: Final = re.compile(
    r"\b(?:retry|try again|try your request again|wait|resets?|available(?: again)?)\b(?:\s{1,3}\w{1,20}){0,3}?"
    r"\s{0,3}(?:in|after|for about|for|at)?\s{0,3}:?\s{0,3}(?P<wait>\d[^\n]{0,100})",
    re.IGNORECASE,
)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:Z|UTC|[+-]\d\d:?\d\d)?")
_RESET: Final = re.compile(r"(?:x-|anthropic-)?ratelimit-(?:.+-)?reset(?:-.+)?")
_HINTS: Final = ("retryDelay", "retry_delay", "retry_after", "retryAfter", "retry_after_seconds", "quotaResetDelay")
_MOMENTS: Final = ("quotaResetTimeStamp", "reset_at", "resets_at")


def wait_asked(headers: Mapping[str, str], error: ErrorBody, at: datetime) -> timedelta | None:
    """How long a provider asks to be left alone from `at` on; None where it does not say.

    `headers` are those of its refusal, whatever their case: on an answer they ask for nothing.
    """
    told = {name.lower(): value.strip() for name, value in headers.items()}
    within = {name.lower(): str(value).strip() for name, value in _headers_within(error)}
    for found in (_retry_after(told, at), _of_details(error, at), _retry_after(within, at)):
        if found is not None:
            return found
    reset = _reset(told, at)
    if reset is None:
        reset = _reset(within, at)
    return in_words(error.message, at) if reset is None else reset


def forbids_another_try(headers: Mapping[str, str]) -> bool:
    """Whether the provider says that the same request will not go better."""
    return any(name.lower() == "x-should-retry" and value.strip().lower() == "false" for name, value in headers.items())


def in_words(message: str, at: datetime) -> timedelta | None:
    """The wait a message asks for: "Please retry in 26.66s", "try again after 2 minutes"."""
    for asked in _ASKS.finditer(message):
        wait = asked["wait"]
        if moment := _MOMENT.match(wait):
            return span(moment[0], at)
        if (found := _leading_spans(wait)) is not None:
            return found
    return None


def _leading_spans(text: str) -> timedelta | None:
    """The wait that a text begins with: "1 minute and 30 seconds, then"."""
    at = 0
    while span_there := _SPAN.match(text, at):
        between = _BETWEEN_SPANS.match(text, span_there.end())
        at = between.end() if between else span_there.end()
    return _spans(text[:at]) if at else None


def span(value: str, at: datetime) -> timedelta | None:
    """A wait as it stands in a header: seconds, a span as `1m30.5s`, or a moment; None where it is none of these."""
    text = value.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number >= FIRST_EPOCH_MILLISECOND:
            return _until(datetime.fromtimestamp(min(number / 1000, LAST_EPOCH_SECOND), UTC), at)
        if number >= FIRST_EPOCH_SECOND:
            return _until(datetime.fromtimestamp(min(number, LAST_EPOCH_SECOND), UTC), at)
        return _seconds(number)
    if text and not _SPAN.sub("", text).strip():
        return _spans(text)
    moment = _moment(text)
    return None if moment is None else _until(moment, at)


def _retry_after(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """The more precise one first."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if _NUMBER.fullmatch(headers.get(name, "")):
            return _seconds(float(headers[name]) / 1000)
    return span(headers.get("retry-after", ""), at)


def _reset(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """When what is used up is there again: the last of it, and nothing that something is left of."""
    waits: list[timedelta] = []
    for name, value in headers.items():
        if not _RESET.fullmatch(name):
            continue
        left = headers.get(name.replace("reset", "remaining"), "0")
        found = span(value, at)
        if found is not None and not (_NUMBER.fullmatch(left) and float(left) > 0):
            waits.append(found)
    return max(waits, default=None)


def _of_details(error: ErrorBody, at: datetime) -> timedelta | None:
    for member in _objects(error):
        for name in (*_HINTS, *_MOMENTS):
            value = member.get(name)
            if isinstance(value, dict):
                value = f"{value.get('seconds') or 0}.{value.get('nanos') or 0:09}"
            if type(value) in (int, float):
                value = format(value, "f")
            if isinstance(value, str) and (found := span(value, at)) is not None:
                return found
    return None


def _objects(error: ErrorBody) -> Iterator[Mapping[str, Any]]:
    """Those of an error, and those of its details."""
    for member in error.members:
        yield member
        details = member.get("details")
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                yield detail
                if isinstance(beside := detail.get("metadata"), dict):
                    yield beside


def _headers_within(error: ErrorBody) -> Iterator[tuple[str, object]]:
    """Those that OpenRouter got from whom it asked."""
    for member in error.members:
        if isinstance(headers := member.get("headers"), dict):
            yield from headers.items()


def _moment(text: str) -> datetime | None:
    try:
        moment = (
            datetime.fromisoformat(text.replace(" UTC", "Z")) if text[:4].isdecimal() else parsedate_to_datetime(text)
        )
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _spans(text: str) -> timedelta | None:
    found = [float(number) * _UNIT_SECONDS[_unit(unit)] for number, unit in _SPAN.findall(text)]
    return _seconds(sum(found)) if found else None


def _unit(word: str) -> str:
    word = word.lower()
    if word.startswith(("ms", "mil")):
        return "ms"
    return {"u": "us", "µ": "us", "n": "ns"}.get(word[0], word[0])


def _seconds(number: float) -> timedelta:
    return min(timedelta(seconds=min(number, 1e9)), LONGEST)


def _until(moment: datetime, at: datetime) -> timedelta:
    return min(max(moment - at, timedelta()), LONGEST)
