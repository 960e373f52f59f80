"""What is refused was not done, and what was done is not refused: bodies of every size, by itself and behind nginx."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clients.nginx import Nginx
from installed import installed
from support.gateway.environment import Environment, environment
from unit.gateway.server.served_app import answer_of

MIB = 1024 * 1024
SIZES = [200, 60_000, 65_400, 65_536, 65_700, 70_000, 100_000, 131_072, 200_000, 300_000, 500_000, MIB - 1, MIB]
LIVE_UPDATES = Path(__file__).parents[3] / "docs" / "live-updates.md"


@pytest.fixture
async def here(nats_url: str, mongo_url: str) -> AsyncIterator[Environment]:
    async with environment(nats_url, mongo_url) as made:
        yield made


def agent(size: int) -> bytes:
    """A body of so many bytes that makes an agent."""
    body = json.dumps({"name": "n", "systemPrompt": "p", "pad": ""}).encode()
    return body.replace(b'"pad": ""', b'"pad": "%s"' % (b"x" * (size - len(body))))


def head_of(path: str, framing: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", framing, "", ""]
    return "\r\n".join(lines).encode()


def one_piece(path: str, body: bytes) -> Iterator[bytes]:
    yield head_of(path, f"Content-Length: {len(body)}") + body


def many_pieces(path: str, body: bytes) -> Iterator[bytes]:
    yield head_of(path, f"Content-Length: {len(body)}")
    for at in range(0, len(body), 32_000):
        yield body[at : at + 32_000]


def random_cuts(path: str, body: bytes) -> Iterator[bytes]:
    chance, sent = random.Random(len(body)), b"".join(one_piece(path, body))
    while sent:
        size = chance.choice((1, 100, 5_000, 66_000, 250_000))
        yield sent[:size]
        sent = sent[size:]


def chunks(path: str, body: bytes) -> Iterator[bytes]:
    yield head_of(path, "Transfer-Encoding: chunked")
    for at in range(0, len(body), 9_000):
        piece = body[at : at + 9_000]
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


Form = Callable[[str, bytes], Iterator[bytes]]
FORMS: list[Form] = [one_piece, many_pieces, random_cuts, chunks]


async def statuses(url: str, requests: list[Iterator[bytes]]) -> list[int]:
    """The answers to requests that are sent one after the other on one connection."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    found = []
    try:
        async with asyncio.timeout(60):
            for pieces in requests:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                found.append((await answer_of(reader))[0])
    finally:
        writer.close()
        await writer.wait_closed()
    return found


async def agents_of(here: Environment) -> int:
    return int(await here.store.collection("agents").estimated_document_count())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
async def test_an_agent_is_made_exactly_when_the_answer_says_so(here: Environment, form: Form) -> None:
    requests = [form("/api/agents", agent(size)) for size in SIZES]
    assert await statuses(here.gateways[0].url, requests) == [201] * len(SIZES)
    assert await agents_of(here) == len(SIZES)
    assert await statuses(here.gateways[0].url, [form("/api/agents", agent(MIB + 1))]) == [413]
    assert await agents_of(here) == len(SIZES)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
async def test_a_chat_takes_more(here: Environment, form: Form) -> None:
    # Read whole, and refused for what it says: not for its length.
    sizes = [MIB + 1, 3 * MIB, 4 * MIB, 4 * MIB + 1]
    requests = [form("/api/chat", agent(size)) for size in sizes]
    assert await statuses(here.gateways[0].url, requests) == [400, 400, 400, 413]


async def test_trailers_make_no_agent(here: Environment) -> None:
    body = agent(200)
    trailers = b"".join(chunks("/api/agents", body)).removesuffix(b"\r\n") + b"a:b\r\n" * 4_000_000 + b"\r\n"
    assert await statuses(here.gateways[0].url, [iter([trailers])]) == [431]
    assert await agents_of(here) == 0


@pytest.mark.parametrize("documented", [True, False], ids=["as documented", "with its defaults"])
async def test_an_agent_is_made_exactly_when_nginx_says_so(here: Environment, tmp_path: Path, documented: bool) -> None:
    found = re.search(r"```nginx\n(.*?)```", LIVE_UPDATES.read_text(), re.DOTALL)
    assert found is not None
    location = found[1].replace("http://agentwars", "http://gateways") if documented else None
    nginx = Nginx(installed("nginx", "nginx-light"), tmp_path / "nginx", [here.gateways[0].url], location)
    await nginx.start()
    try:
        requests = [form("/api/agents", agent(size)) for form in FORMS for size in SIZES]
        assert await statuses(nginx.url, requests) == [201] * len(requests)
    finally:
        nginx.stop()
    assert await agents_of(here) == len(requests)


# HEAD


async def test_head_says_what_get_would_and_begins_nothing(here: Environment) -> None:
    http, story = here.gateways[0].http, await here.story()
    await story.start()
    run_id = story.run.id
    streams = [
        f"/api/runs/{run_id}/events",
        f"/api/jobs/{run_id}/stream",
        f"/api/stream/{run_id}",
        "/api/llm?prompt=hi",
    ]
    for path in streams:
        answer = await http.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path
        assert answer.headers["content-type"].startswith("text/event-stream"), path
    runs = await here.store.collection("runs").estimated_document_count()
    asked = (await http.post("/api/llm", json={"prompt": "hi"})).json()["url"]
    assert (await http.head(asked)).status_code == 200
    assert await here.store.collection("runs").estimated_document_count() == runs == 1
    assert len(here.gateways[0].streams.open_streams) == 0
    async with asyncio.timeout(10):
        # No long poll.
        answer = await http.head(f"/api/conversations/{story.run.conversation_id(1)}/messages?wait=30")
    assert answer.status_code == 200


async def test_head_is_wherever_get_is(here: Environment) -> None:
    http, story = here.gateways[0].http, await here.story()
    await story.start()
    run_id = story.run.id
    paths = ["/healthz", "/readyz", "/", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/api/agents", "/api/models",
             "/api/runs", f"/api/runs/{run_id}/status", "/api/runs/nothing/status", "/api/chat/nothing", "/v1/models",
             "/v1/models/nothing", "/api/personas", "/api/health", "/nowhere"]  # fmt: skip
    for path in paths:
        get, head = await http.get(path), await http.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        for name in ("content-type", "etag", "cache-control", "location"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    assert (await http.head("/api/battles/start")).status_code == 405
    assert (await http.post("/healthz")).headers["allow"] == "GET, HEAD"
