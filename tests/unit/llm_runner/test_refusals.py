"""The table of refusals, status by status, and how long a provider asks to be left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llm_runner.providers.dialects.openai_chat.errors import refused
from llm_runner.providers.refusals import retry_after


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (400, b'{"error":{"message":"bad"}}', "provider_error", False),
        (400, b'{"error":{"code":"context_length_exceeded"}}', "context_too_long", False),
        (401, b"", "provider_error", False),
        (403, b"", "provider_error", False),
        (404, b"<html>", "invalid_model", False),
        (408, b"", "provider_timeout", True),
        (413, b"", "context_too_long", False),
        (429, b"", "provider_error", True),
        (429, b'{"error":{"code":"insufficient_quota"}}', "provider_error", False),
        (301, b"", "provider_error", False),
        (500, b"[]", "provider_error", True),
        (503, b'{"error":"busy"}', "provider_error", True),
        (504, b"", "provider_timeout", True),
    ],
)
def test_each_status_has_its_place(status: int, body: bytes, code: str, retryable: bool) -> None:
    failure = refused("demo", status, {}, body)
    assert (failure.code, failure.retryable, failure.charged) == (code, retryable, False)
    assert str(status) in str(failure)


def test_what_a_provider_says_of_a_refused_key_is_not_repeated() -> None:
    assert "sk-1" not in str(refused("demo", 401, {}, b'{"error":{"message":"wrong key sk-1"}}'))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_each_of_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers)
    assert (found.total_seconds() if found is not None else None) == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    found = retry_after({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)})
    assert found is not None
    assert 55 < found.total_seconds() <= 60


@pytest.mark.parametrize(("status", "seconds"), [(429, 7), (503, 7), (400, None), (401, None)])
def test_a_wait_counts_for_what_may_be_tried_again(status: int, seconds: int | None) -> None:
    wait = refused("demo", status, {"retry-after": "7"}, b"").retry_after
    assert wait == (timedelta(seconds=seconds) if seconds else None)
