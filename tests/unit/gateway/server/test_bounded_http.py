"""Requests that come slowly, without an end, or as they should, over real connections."""

import json

import pytest

from gateway.server import bounded_http
from gateway.server.bounded_http import LARGEST_HEAD
from unit.gateway.server.served_app import connected


def refused(answer: bytes, status: int, said: str) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    error = json.loads(body)
    return (
        head.startswith(b"HTTP/1.1 %d " % status) and error["error"] == "invalid_request" and said in error["message"]
    )


async def test_requests_that_come_as_they_should_are_answered_one_after_the_other() -> None:
    async with connected() as (reader, writer):
        for number in range(3):
            writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nbody-%d" % number)
            answer = await reader.readuntil(b"body-%d" % number)
            assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST / HTTP/1.1\r\nHost: he", b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nbod"],
    ids=["nothing", "half a head", "half a body"],
)
async def test_a_request_that_does_not_come_whole_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(bounded_http, "REQUEST_SECONDS", 0.1)
    async with connected() as (reader, writer):
        writer.write(sent)
        assert refused(await reader.read(), 408, "whole within")


async def test_a_later_request_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "REQUEST_SECONDS", 0.3)
    async with connected() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nbody-1")
        await reader.readuntil(b"body-1")
        writer.write(b"GET / HT")
        assert refused(await reader.read(), 408, "whole within")


@pytest.mark.parametrize("line", [b"X-Long: " + b"x" * 2000 + b"\r\n", b"x" * 2000], ids=["many lines", "one line"])
async def test_a_head_without_an_end_is_refused(line: bytes) -> None:
    async with connected() as (reader, writer):
        begun = b"GET / HTTP/1.1\r\nHost: here\r\nX-First: "
        # Not a byte more than it takes: what stays unread when a server closes resets the connection.
        writer.write((begun + line * LARGEST_HEAD)[: LARGEST_HEAD + 1])
        assert refused(await reader.read(), 431, "a head of more than")
