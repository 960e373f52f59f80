"""Which dialect a provider is called in; and a new one, played over HTTP: its module and its row are all there is."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from llm_runner.app import Runner
from llm_runner.providers.client import HttpProvider
from llm_runner.providers.dialects import DIALECTS, UnknownDialect, dialect_of
from llm_runner.providers.prompt import Prompt, Tool
from llm_runner.providers.provider import Chunk, ProviderFailure, TokenCount, ToolCallDelta
from llm_runner.providers.read_ticker import ReadTicker
from shared.contracts.enums import FinishReason
from shared.logs import Logger
from shared.routing import ModelEntry, ProviderEntry, Registry
from support.line_dialect import LONGEST_LINE, LineDialect
from unit.llm_runner.prompts import plain_prompt, target

LOG: Logger = structlog.get_logger("test")
KEY = "key-of-lines-0123456789"
PROMPT = replace(plain_prompt(), system="You sell kettles.", tools=(Tool({"name": "weather"}),))
ANSWER = (
    'in 12\nsay "Good "\nsay "dä"\nsay "y."\nuse [0, "a", "weather", "{"]\nuse [0, null, null, "}"]\ndone ["stop", 3]\n'
).encode()
CHUNKS = [
    Chunk(),
    Chunk("Good "),
    Chunk("dä"),
    Chunk("y."),
    Chunk(tool_calls=(ToolCallDelta(0, "a", "weather", "{"),)),
    Chunk(tool_calls=(ToolCallDelta(0, arguments="}"),)),
    Chunk("", FinishReason.STOP, TokenCount(12, 3), raw_finish_reason="stop"),
]


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's row."""
    monkeypatch.setitem(DIALECTS, "lines", LineDialect())


def test_an_unknown_dialect_ends_the_process_at_its_start_and_names_the_known_ones() -> None:
    entry = ProviderEntry(base_url="http://127.0.0.1:1", dialect="morse", models={"m": ModelEntry()})
    with pytest.raises(UnknownDialect, match=r"ours .* 'morse'; .* known are: anthropic, lines, ollama, openai"):
        Runner(Registry(providers={"ours": entry}), {}, LOG)


@dataclass
class LineServer:
    """Answers every call with the same pieces; keeps what it was sent."""

    pieces: list[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.path, request.headers["X-Line-Key"], await request.read()))
        response = web.StreamResponse(status=self.status, headers=self.headers)
        await response.prepare(request)
        for piece in self.pieces:
            await response.write(piece)
        return response


@asynccontextmanager
async def speaking(server: LineServer) -> AsyncIterator[HttpProvider]:
    """The real client of a provider whose entry names the toy."""
    app = web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    async with TestServer(app) as listening:
        address = str(listening.make_url("/base"))
        entry = ProviderEntry(base_url=address, dialect="lines", key_variable="LINES", models={"m": ModelEntry()})
        provider = HttpProvider("ours", entry, dialect_of("ours", entry), KEY, 2, ReadTicker(0.001))
        try:
            yield provider
        finally:
            await provider.close()


async def chunks_of(server: LineServer, prompt: Prompt = PROMPT) -> list[Chunk]:
    chunks: list[Chunk] = []
    async with speaking(server) as provider:
        await provider.stream("m", prompt, "attempt-1", chunks.append)
    return chunks


async def test_a_dialect_is_played_through_the_real_client() -> None:
    server = LineServer([ANSWER])
    chunks = await chunks_of(server)
    assert ("".join(chunk.text for chunk in chunks), chunks[-1]) == ("Good däy.", CHUNKS[-1])
    sent = b'be "You sell kettles."\nuser "Hi"\ntool "weather"\nmost 9\n'
    assert server.calls == [("/base/lines/m", KEY, sent)]


async def test_what_a_dialect_says_of_a_refusal_is_the_failure() -> None:
    with pytest.raises(ProviderFailure, match="ours answered 429: too busy for") as refused:
        await chunks_of(LineServer([b"too busy for ", KEY.encode()], 429, {"x-line-wait": "4"}))
    assert refused.value.retry_after == timedelta(seconds=4)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("pieces", "retryable"),
    [
        ([b'say "Hi"\noops [503, "busy"]\n'], True),
        ([b'say "Hi"\noops [400, "no"]\n'], False),
        ([b'say "Hi"\n', b"say 7\n"], True),
        ([b'say "Hi"\n', b"x" * (LONGEST_LINE + 1)], True),
        ([b'say "Hi"\n'], True),
    ],
    ids=["an error of its own", "one that lasts", "a line that is none", "a line without an end", "no end"],
)
async def test_an_answer_that_breaks_keeps_what_came_before(pieces: list[bytes], retryable: bool) -> None:
    chunks: list[Chunk] = []
    async with speaking(LineServer(pieces)) as provider:
        with pytest.raises(ProviderFailure) as broken:
            await provider.stream("m", PROMPT, "attempt-1", chunks.append)
    said = [chunk for chunk in chunks if chunk != Chunk()]
    assert (said, broken.value.retryable) == ([Chunk("Hi")], retryable)


def cuts() -> Iterator[list[bytes]]:
    yield [bytes([byte]) for byte in ANSWER]
    yield [ANSWER.rstrip()]
    yield from ([ANSWER[:place], ANSWER[place:]] for place in range(len(ANSWER)))


def test_an_answer_is_the_same_wherever_it_is_cut() -> None:
    for pieces in cuts():
        decoder = LineDialect().decoder(target())
        fed = itertools.chain.from_iterable(decoder.feed(piece) for piece in pieces)
        assert [*fed, *decoder.end()] == CHUNKS
