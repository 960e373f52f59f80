"""Which Accept headers mean an event stream, and which validators still stand."""

import pytest
from starlette.requests import Request

from gateway.http.conditional import conditional, etag_of, prefers_event_stream
from gateway.schemas.answers import Alive

BODY = Alive(status="ok")
ETAG = etag_of(BODY.to_json())


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html, */*;q=0.8", False),
        ("text/event-stream", True),
        ("TEXT/EVENT-STREAM", True),
        ("text/event-stream, */*;q=0.1", True),
        ("application/json;q=0.5, text/event-stream", True),
        ("application/json, text/event-stream;q=0.5", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=no", False),
    ],
)
def test_event_stream_is_meant_only_if_it_is_preferred(accept: str | None, preferred: bool) -> None:
    assert prefers_event_stream(accept) is preferred


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 200),
        ('"other"', 200),
        (ETAG, 304),
        (f"W/{ETAG}", 304),
        (f'"other", {ETAG}', 304),
        ("*", 304),
        ("nonsense", 200),
    ],
)
def test_known_version_is_not_sent_again(header: str | None, status: int) -> None:
    headers = [(b"if-none-match", header.encode())] if header is not None else []
    answer = conditional(Request({"type": "http", "headers": headers}), BODY)
    assert answer.status_code == status
    assert answer.headers["ETag"] == ETAG
    assert bool(answer.body) is (status == 200)
