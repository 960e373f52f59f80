"""The table of refusals, status by status, and how long a provider asks to be left alone."""

from datetime import timedelta

import pytest

from llm_runner.providers.dialects.openai_chat.errors import refused


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (400, b'{"error":{"message":"bad"}}', "provider_error", False),
        (400, b'{"error":{"code":"context_length_exceeded"}}', "context_too_long", False),
        (401, b"", "provider_error", False),
        (403, b"", "provider_error", False),
        (404, b"{}", "invalid_model", False),
        (408, b"", "provider_timeout", True),
        (413, b"", "context_too_long", False),
        (429, b"", "provider_error", True),
        (429, b'{"error":{"code":"insufficient_quota"}}', "provider_error", False),
        (301, b"", "provider_error", False),
        (500, b"[]", "provider_error", True),
        (503, b'{"error":"busy"}', "provider_error", True),
        (504, b"", "provider_error", True),
    ],
)
def test_each_status_has_its_place(status: int, body: bytes, code: str, retryable: bool) -> None:
    failure = refused("demo", status, {}, body)
    assert (failure.code, failure.retryable, failure.charged) == (code, retryable, False)
    assert str(status) in str(failure)


def test_what_a_provider_says_of_a_refused_key_is_not_repeated() -> None:
    assert "sk-1" not in str(refused("demo", 401, {}, b'{"error":{"message":"wrong key sk-1"}}'))


@pytest.mark.parametrize(("status", "seconds"), [(429, 7), (503, 7), (400, None), (401, None)])
def test_a_wait_counts_for_what_may_be_tried_again(status: int, seconds: int | None) -> None:
    wait = refused("demo", status, {"retry-after": "7"}, b"").retry_after
    assert wait == (timedelta(seconds=seconds) if seconds else None)
