"""Every form in which a provider says how long it wants to be left alone."""

# ruff: noqa: E501

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from llm_runner.providers.dialects.openai_chat.errors import refused
from llm_runner.providers.error_bodies import error_body
from llm_runner.providers.retry_hints import wait_asked
from shared.contracts.enums import FailureFamily as Family

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _asked(headers: Mapping[str, str], body: object = "") -> float | None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    found = wait_asked(headers, error_body(raw), NOW)
    return None if found is None else round(found.total_seconds(), 6)


@pytest.mark.parametrize(
    ("number", "headers", "seconds"),
    [
        ("RA-01", {"Retry-After": "2"}, 2.0),
        ("RA-02", {"Retry-After": "1.5"}, 1.5),
        ("RA-03", {"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ("RA-03 in another form", {"retry-after": "Thursday, 01-Jan-26 00:00:30 GMT"}, 30.0),
        ("RA-03 without a day", {"RETRY-AFTER": "01 Jan 2026 00:00:30 GMT"}, 30.0),
        ("RA-03 as ISO", {"Retry-After": "2026-01-01T00:00:30Z"}, 30.0),
        ("RA-04 zero", {"Retry-After": "0"}, 0.0),
        ("RA-04 past", {"Retry-After": "Wed, 31 Dec 2025 23:59:00 GMT"}, 0.0),
        ("RA-05", {"retry-after-ms": "4321", "Retry-After": "5"}, 4.321),
        ("RA-05 Azure", {"x-ms-retry-after-ms": "250"}, 0.25),
        ("RA-05 broken", {"retry-after-ms": "soon", "Retry-After": "5"}, 5.0),
        *(
            ("RA-06", {"Retry-After": odd}, None)
            for odd in ("-3", "nan", "inf", "1e3", "0x10", "soon", "", "٣", "1.2.3")
        ),
        ("RA-06 with another", {"Retry-After": "soon", "x-ratelimit-reset-requests": "2s"}, 2.0),
        ("RA-07", {"Retry-After": "60"}, 60.0),
        ("RA-08", {"Retry-After": "86400"}, 86400.0),
        ("RA-08 beyond any", {"Retry-After": "999999999999999"}, 315360000.0),
        ("RA-09", {"x-ratelimit-reset-requests": "17ms"}, 0.017),
        ("RA-09", {"x-ratelimit-reset-requests": "1s"}, 1.0),
        ("RA-09", {"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ("RA-09", {"x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ("RA-09", {"X-RateLimit-Reset-Requests": "23h47m36.648s"}, 85656.648),
        ("RA-10", {"x-ratelimit-reset-tokens": "2m59.56s"}, 179.56),
        ("RA-11", {"anthropic-ratelimit-requests-reset": "2026-01-01T00:00:20Z"}, 20.0),
        ("RA-12 seconds", {"x-ratelimit-reset": "1767225630"}, 30.0),
        ("RA-12 milliseconds", {"x-ratelimit-reset": "1767225630000"}, 30.0),
        ("RA-12 from now", {"x-ratelimit-reset": "12"}, 12.0),
        ("RA-17", {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "9s"}, None),
        (
            "the one that is used up",
            {
                "x-ratelimit-remaining-requests": "3",
                "x-ratelimit-reset-requests": "23h",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "4s",
            },
            4.0,
        ),
        ("RA-19", {"Retry-After": "3"}, 3.0),
        ("none", {}, None),
    ],
)
def test_headers(number: str, headers: dict[str, str], seconds: float | None) -> None:
    assert _asked(headers) == seconds, number


def _info(**beside: object) -> list[object]:
    return [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": [beside]}}]


@pytest.mark.parametrize(
    ("number", "body", "seconds"),
    [
        ("RA-13", _info(retryDelay="45.837906927s"), 45.837907),
        ("RA-13 whole", _info(retryDelay="53s"), 53.0),
        ("RA-13 as an object", _info(retryDelay={"seconds": 53, "nanos": 500000000}), 53.5),
        ("a quota's reset", _info(metadata={"quotaResetDelay": "539.477544ms"}), 0.539478),
        ("OpenRouter", {"error": {"code": 429, "message": "m", "metadata": {"headers": {"X-RateLimit-Reset": "1767225630000"}}}}, 30.0),
        ("a number", {"error": {"message": "m", "retry_after": 7}}, 7.0),
        ("RA-15", "Please retry in 26.66s.", 26.66),
        ("RA-15", "try again in 50 seconds", 50.0),
        ("RA-15", "Please retry after 45 seconds", 45.0),
        ("RA-15 minutes", "Rate limit reached. Please try again in 1m30.5s. Visit us.", 90.5),
        ("RA-15 milliseconds", "Please try again in 250ms", 0.25),
        ("RA-15 words", "Try again in 2 minutes and 5 seconds", 125.0),
        ("RA-15 hours", "Your quota will reset after 3h12m.", 11520.0),
        ("RA-15 a moment", "Please try again at 2026-01-01 00:01:00 UTC", 60.0),
        ("no unit", "retry 3 more times", None),
        ("nothing asked", "you sent 60 requests in 10 seconds", None),
    ],
)  # fmt: skip
def test_bodies(number: str, body: object, seconds: float | None) -> None:
    assert _asked({}, body) == seconds, number


def test_a_header_counts_before_a_sentence() -> None:
    assert _asked({"Retry-After": "2"}, "try again in 50 seconds") == 2.0


def test_ra_18_a_provider_may_forbid_another_try() -> None:
    failure = refused("demo", 500, {"X-Should-Retry": "false"}, b"")
    assert (failure.family, failure.retryable) == (Family.SERVER_ERROR, False)
    assert refused("demo", 500, {"x-should-retry": "true"}, b"").retryable


@pytest.mark.parametrize("status", [429, 503, 529])
def test_ra_19_a_wait_is_kept_for_every_busy_provider(status: int) -> None:
    wait = refused("demo", status, {"Retry-After": "3"}, b"").retry_after
    assert wait is not None
    assert wait.total_seconds() == 3
