"""The table of HTTP failures, checked against every exception httpx has."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import httpx
import pytest

from llm_runner.providers.http_errors import refused, retry_after, unreachable

BEFORE_ANY_TOKEN = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError"}
TOO_SLOW = {"TimeoutException", "ReadTimeout", "WriteTimeout"}
MISCONFIGURED = {"UnsupportedProtocol", "ProxyError"}


def _every(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _every(child))]


@pytest.mark.parametrize("kind", _every(httpx.TransportError), ids=lambda kind: kind.__name__)
def test_each_transport_error_has_its_place(kind: type[Exception]) -> None:
    failure = unreachable("demo", kind("lost"))
    assert failure.code == ("provider_timeout" if kind.__name__ in TOO_SLOW else "provider_error")
    assert failure.charged is (kind.__name__ not in BEFORE_ANY_TOKEN)
    assert failure.retryable is (kind.__name__ not in MISCONFIGURED)


def test_a_server_that_hung_up_may_have_charged_though_it_looks_like_a_connect_timeout() -> None:
    error = httpx.ConnectTimeout("gone")
    error.__cause__ = aiohttp.ServerDisconnectedError()
    assert unreachable("demo", error).charged


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
    failure = refused("demo", status, body, {})
    assert (failure.code, failure.retryable, failure.charged) == (code, retryable, False)
    assert str(status) in str(failure)


def test_what_a_provider_says_of_a_refused_key_is_not_repeated() -> None:
    assert "sk-1" not in str(refused("demo", 401, b'{"error":{"message":"wrong key sk-1"}}', {}))


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
