"""One answer a request, and none that is refused carried out: for every cut of the bytes, over real connections."""

import asyncio
import json
import logging
import random
from collections.abc import Iterator

import pytest

from gateway.server import bounded_http
from gateway.server.bounded_http import LARGEST_HEAD
from unit.gateway.server.served_app import LIMIT, Deed, Echo, answer_of, connected, serving

SIZES = [0, 1, 1_000, 60_000, 65_535, 65_536, 65_537, 70_000, 100_000, 131_072, 200_000, 262_143, 500_000, LIMIT]
HEAD = b"POST /api/agents HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def request(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def cut(data: bytes, chance: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + chance.choice((1, 3, 1_000, 16_384, 70_000, 300_000))
        yield data[at:end]
        at = end


@pytest.mark.parametrize("form", ["a length", "one chunk", "chunks"])
@pytest.mark.parametrize("size", SIZES)
async def test_a_body_up_to_the_bound_is_answered_once(size: int, form: str) -> None:
    body = b"x" * size
    forms = {"a length": request(body), "one chunk": chunked(body, LIMIT), "chunks": chunked(body, 1 + size // 5000)}
    echo, chance = Echo(), random.Random(size)
    async with connected(echo) as (reader, writer):
        for pieces in ([forms[form]], cut(forms[form], chance), cut(forms[form], chance)):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            status, _, answered = await answer_of(reader)
            assert (status, len(answered)) == (200, size)
        writer.write_eof()
        assert await reader.read() == b""
    assert echo.carried_out == [size] * 3


@pytest.mark.parametrize("seed", range(6))
async def test_requests_that_are_sent_ahead_are_answered_in_their_order(seed: int) -> None:
    chance = random.Random(seed)
    sizes = [chance.choice((0, 1, 20, 5_000, 65_537, 300_000)) for _ in range(12)]
    sent = b"".join(chance.choice((request, lambda body: chunked(body, 7_000)))(b"x" * size) for size in sizes)
    echo = Echo()
    async with connected(echo) as (reader, writer):
        answers = asyncio.create_task(_answers(reader, len(sizes)))
        for piece in cut(sent, chance):
            writer.write(piece)
            await writer.drain()
        assert await answers == [(200, size) for size in sizes]
    assert echo.carried_out == sizes


async def _answers(reader: asyncio.StreamReader, number: int) -> list[tuple[int, int]]:
    return [(status, len(body)) for status, _, body in [await answer_of(reader) for _ in range(number)]]


async def test_a_refusal_waits_for_the_answers_before_it() -> None:
    slow = Slow()
    async with connected(slow) as (reader, writer):
        writer.write(request(b"one") + b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"x" * LARGEST_HEAD + b"\r\n\r\n")
        await asyncio.sleep(0.05)
        slow.goes_on.set()
        assert (await answer_of(reader))[::2] == (200, b"one")
        assert (await answer_of(reader))[0] == 431
        assert await reader.read() == b""
    assert slow.carried_out == [3]


class Slow(Echo):
    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await self.goes_on.wait()
        await super().__call__(scope, receive, send)


# What is refused


@pytest.mark.parametrize("app", [Echo, Deed])
@pytest.mark.parametrize("pieces", [1, 300])
async def test_trailers_are_bounded_and_their_request_is_not_carried_out(app: type[Echo | Deed], pieces: int) -> None:
    doing = app()
    trailers = b"a:b\r\n" * (20_000_000 // 5)
    sent = CHUNKED + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n"
    async with connected(doing) as (reader, writer):
        answered = asyncio.create_task(answer_of(reader))
        for at in range(0, len(sent), len(sent) // pieces):
            writer.write(sent[at : at + len(sent) // pieces])
            await writer.drain()
        status, _, body = await answered
        assert (status, json.loads(body)["error"]) == (431, "invalid_request")
        assert await reader.read() == b""
    assert (doing.carried_out if isinstance(doing, Echo) else doing.done) in ([], 0)


@pytest.mark.parametrize("line", [b"A: b\r\n", b"X-User-Id: mallory\r\n"])
async def test_some_trailers_are_taken_and_are_no_headers(line: bytes) -> None:
    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        heard.extend(scope["headers"])
        await Echo()(scope, receive, send)

    heard: list[tuple[bytes, bytes]] = []
    async with connected(app) as (reader, writer):
        for _ in range(2):
            writer.write(CHUNKED + b"2\r\n{}\r\n0\r\n" + line * 100 + b"\r\n")
            assert (await answer_of(reader))[::2] == (200, b"{}")
    assert line.partition(b":")[0].lower() not in dict(heard)


@pytest.mark.parametrize("extension", [b";" + b"e" * 20_000_000, b";e=" + b"x" * 70_000, b"0" * 70_000])
async def test_a_chunks_line_is_bounded(extension: bytes) -> None:
    echo = Echo()
    line = extension + b"2\r\n" if extension.startswith(b"0") else b"2" + extension + b"\r\n"
    async with connected(echo) as (reader, writer):
        answered = asyncio.create_task(answer_of(reader))
        writer.write(CHUNKED + line + b"{}\r\n0\r\n\r\n")
        status, _, _ = await answered
        assert status in (400, 431)
        assert await reader.read() == b""
    assert echo.carried_out == []


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 431)])
@pytest.mark.parametrize("pieces", [1, 50])
async def test_a_head_is_what_stands_before_the_blank_line(extra: int, status: int, pieces: int) -> None:
    begun = HEAD + b"Content-Length: 100000\r\nX-Long: "
    head = begun + b"x" * (LARGEST_HEAD - len(begun) - 2 + extra) + b"\r\n"
    sent = head + b"\r\n" + b"b" * 100_000
    echo = Echo()
    async with connected(echo) as (reader, writer):
        size = -(-len(sent) // pieces)
        for at in range(0, len(sent), size):
            writer.write(sent[at : at + size])
            await writer.drain()
        assert (await answer_of(reader))[0] == status
        writer.write_eof()
        assert await reader.read() == b""
    assert echo.carried_out == [100_000] * (status == 200)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("closes", [True, False])
async def test_a_body_too_large_is_refused_once_and_the_refusal_arrives(declared: bool, closes: bool) -> None:
    body = b"x" * (3 * LIMIT)
    sent = request(body) if declared else chunked(body, 50_000)
    if closes:
        sent = sent.replace(b"Host: here\r\n", b"Host: here\r\nConnection: close\r\n", 1)
    deed = Deed()
    async with connected(deed) as (reader, writer):
        # All of it, before the answer is looked at.
        writer.write(sent)
        await writer.drain()
        status, _, answered = await answer_of(reader)
        assert (status, json.loads(answered)["error"]) == (413, "too_large")
        writer.write_eof()
        assert await reader.read() == b""
    assert deed.done == 0


@pytest.mark.parametrize("begun", [b"", b"5\r\nhello\r\n0\r\nTrail"])
async def test_a_request_that_stops_half_way_is_not_carried_out(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(bounded_http, "REQUEST_SECONDS", 0.2)
    deed = Deed()
    async with connected(deed) as (reader, writer):
        writer.write(CHUNKED + begun)
        assert (await answer_of(reader))[0] == 408
        assert await reader.read() == b""
    assert deed.done == 0


async def test_line_ends_between_requests_keep_no_connection_open() -> None:
    async with connected(Echo(), timeout_keep_alive=1) as (reader, writer):
        writer.write(request(b"one"))
        await answer_of(reader)
        async with asyncio.timeout(10):
            while not reader.at_eof():
                writer.write(b"\r\n")
                await asyncio.sleep(0.2)


# How it is refused

UNREADABLE = {
    "no HTTP": b"hello\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "no such version": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "a host and no path": b"GET http://here HTTP/1.1\r\nHost: a\r\n\r\n",
    "no number of a chunk": CHUNKED + b"xyz\r\n",
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_is_refused_in_the_contracts_shape(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    deed = Deed()
    with caplog.at_level(logging.WARNING):
        async with connected(deed) as (reader, writer):
            writer.write(sent)
            status, headers, body = await answer_of(reader)
            assert await reader.read() == b""
    error = json.loads(body)
    assert (status, error["error"], headers["content-type"]) == (400, "invalid_request", "application/json")
    assert error["requestId"] == headers["x-request-id"]
    assert error["message"].endswith(".")
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    assert (deed.done, caplog.records) == (0, [])


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:3000", "http://localhost:3000"), ("https://evil.example", None), (None, None)],
)
async def test_a_refusal_is_readable_for_the_pages_that_may_read(origin: str | None, allowed: str | None) -> None:
    head = b"X-Request-Id: mine-1\r\n" + (b"Origin: %s\r\n" % origin.encode() if origin else b"")
    async with connected() as (reader, writer):
        writer.write(b"GET /api/x HTTP/1.1\r\nHost: here\r\n" + head + b"X: " + b"x" * LARGEST_HEAD)
        status, headers, body = await answer_of(reader)
    assert (status, headers["x-request-id"], json.loads(body)["requestId"]) == (431, "mine-1", "mine-1")
    assert headers.get("access-control-allow-origin") == allowed
    assert headers["vary"] == "Origin"


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1"])
async def test_a_refusal_is_in_openais_shape_under_its_paths(path: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(b"POST %s HTTP/1.1\r\nHost: here\r\nX: " % path + b"x" * LARGEST_HEAD)
        status, headers, body = await answer_of(reader)
    error = json.loads(body)["error"]
    assert (status, error["type"], error["code"]) == (431, "invalid_request_error", "invalid_request")
    assert headers["x-request-id"]


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_an_upgrade_is_not_followed_and_floods_no_log(protocol: bytes, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = request(b"one").replace(b"\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n", 1)
    with caplog.at_level(logging.WARNING):
        async with connected() as (reader, writer):
            writer.write(upgrade + request(b"two") + upgrade)
            assert [await answer_of(reader) for _ in range(3)][1][::2] == (200, b"two")
    assert caplog.records == []


# The last answer of a connection


async def streaming(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    headers = [(b"content-type", b"text/event-stream"), (b"connection", b"keep-alive")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(3):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.mark.parametrize("asked", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"])
async def test_http_1_0_gets_no_chunks(asked: bytes) -> None:
    async with connected(streaming) as (reader, writer):
        writer.write(asked)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert b"transfer-encoding" not in head
    assert head.count(b"connection:") == 1
    assert b"connection: close" in head


async def test_the_last_answer_says_one_thing_of_its_connection() -> None:
    async with connected(streaming) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert body.endswith(b"0\r\n\r\n")
    assert head.count(b"connection:") == 1


async def test_a_thousand_requests_at_once_wait_as_bytes() -> None:
    echo = Echo()
    async with serving(echo) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 1000)
        assert await _answers(reader, 1000) == [(200, 0)] * 1000
        writer.close()
        await writer.wait_closed()
    assert len(echo.carried_out) == 1000
