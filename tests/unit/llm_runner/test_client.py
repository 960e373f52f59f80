"""The HTTP client against a server that answers as a test dictates, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from llm_runner.providers.client import HttpProvider
from llm_runner.providers.dialects.openai_chat import OpenAIChat
from llm_runner.providers.provider import Chunk, ProviderFailure, TokenCount
from llm_runner.providers.read_ticker import ReadTicker
from shared.contracts.enums import FinishReason
from shared.routing import ModelEntry, ProviderEntry
from unit.llm_runner.prompts import plain_prompt

PROMPT = plain_prompt()
TEXT = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
ENDLESS = STREAM.replace(b"close", b"keep-alive").replace(b"\r\n\r\n", b"\r\nContent-Length: 99999\r\n\r\n")
KEY = "sk-planted"
ENDED = Chunk("", FinishReason.STOP, raw_finish_reason="stop")


class Server:
    """Answers every request with the same bytes, then hangs up unless told to stay; keeps what it was sent."""

    def __init__(self, answer: Callable[[bytes], bytes], stays: bool) -> None:
        self.heads: list[bytes] = []
        self._answer = answer
        self._stays = stays
        self._connections: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.append(asyncio.create_task(self._serve(reader, writer)))

    async def ended(self) -> None:
        await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(self._answer(head))
        await writer.drain()
        if self._stays:
            with suppress(ConnectionError):
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def calling(
    answer: Callable[[bytes], bytes], key: str | None = KEY, stays: bool = False
) -> AsyncIterator[tuple[HttpProvider, Server]]:
    server = Server(answer, stays)
    listening = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    entry = ProviderEntry(
        base_url=f"http://127.0.0.1:{port}/v1/", key_variable="DEMO_KEY", models={"demo-fast": ModelEntry()}
    )
    provider = HttpProvider("demo", entry, OpenAIChat(), key, connect_seconds=2, ticker=ReadTicker(0.03))
    async with listening, asyncio.timeout(5):
        yield provider, server
        await provider.close()
        await server.ended()


async def _chunks(provider: HttpProvider) -> list[Chunk]:
    chunks: list[Chunk] = []
    await provider.stream("demo-fast", PROMPT, "attempt-1", chunks.append)
    return chunks


async def test_a_stream_is_read_and_the_call_named_for_its_attempt() -> None:
    async with calling(lambda _: STREAM + TEXT + STOP + USAGE + DONE) as (provider, server):
        assert await _chunks(provider) == [
            Chunk("Hi"),
            ENDED,
            Chunk(tokens=TokenCount(3, 1)),
        ]
        head = server.heads[0].decode().lower()
    assert head.startswith("post /v1/chat/completions ")
    assert "x-client-request-id: attempt-1" in head
    assert f"authorization: bearer {KEY}" in head


@pytest.mark.parametrize("ending", [STOP, STOP + USAGE, STOP + DONE])
async def test_a_stream_may_lack_its_usage_or_its_done(ending: bytes) -> None:
    async with calling(lambda _: STREAM + b": PROCESSING\n\n" + TEXT + ending) as (provider, _):
        assert (await _chunks(provider))[:2] == [Chunk("Hi"), ENDED]


async def test_a_server_that_does_not_close_after_its_answer_is_not_waited_for() -> None:
    async with calling(lambda _: ENDLESS + TEXT + STOP + DONE, stays=True) as (provider, _):
        assert len(await _chunks(provider)) == 2


@pytest.mark.parametrize(
    ("answer", "charged"),
    [
        (STREAM + TEXT, True),
        (ENDLESS + TEXT, True),
        (STREAM + TEXT + b"data: {\n\n" + STOP, True),
        (b"HTTP/1.1 307 Elsewhere\r\nLocation: /v2\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", False),
        (b"nonsense\r\n\r\n", True),
        (b"", True),
    ],
    ids=["no reason", "cut", "malformed", "redirect", "status", "no http", "hung up"],
)
async def test_an_answer_that_is_none_is_a_failure(answer: bytes, charged: bool) -> None:
    async with calling(lambda _: answer) as (provider, _):
        with pytest.raises(ProviderFailure) as caught:
            await _chunks(provider)
    assert caught.value.charged is charged


async def test_a_key_that_a_provider_echoes_stands_in_no_failure() -> None:
    def echo(head: bytes) -> bytes:
        body = b'{"error":{"message":"' + head.replace(b"\r\n", b" ").replace(b'"', b"") + b'"}}'
        return b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async with calling(echo) as (provider, _):
        with pytest.raises(ProviderFailure) as caught:
            await _chunks(provider)
    assert KEY not in str(caught.value)


async def test_without_its_key_a_provider_is_not_called() -> None:
    async with calling(lambda _: STREAM, key=None) as (provider, server):
        with pytest.raises(ProviderFailure, match="DEMO_KEY") as caught:
            await _chunks(provider)
    assert (server.heads, caught.value.retryable, caught.value.charged) == ([], False, False)


class Pieces:
    """Sends the pieces of an answer one by one, as the test lets it, each flushed on its own."""

    def __init__(self) -> None:
        self.next: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while (piece := await self.next.get()) is not None:
            writer.write(piece)
            await writer.drain()
        writer.close()


async def test_text_is_read_at_once_when_it_begins_and_ends_and_in_intervals_between() -> None:
    pieces = Pieces()
    listening = await asyncio.start_server(pieces.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    entry = ProviderEntry(base_url=f"http://127.0.0.1:{port}", key_variable=None, models={"demo-fast": ModelEntry()})
    provider = HttpProvider("demo", entry, OpenAIChat(), None, connect_seconds=2, ticker=ReadTicker(3600))
    async with listening, asyncio.timeout(5):
        chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        reading = asyncio.create_task(provider.stream("demo-fast", PROMPT, "attempt-1", chunks.put_nowait))
        await pieces.next.put(STREAM + TEXT.replace(b"Hi", b""))
        assert await chunks.get() == Chunk()
        await pieces.next.put(TEXT)
        assert await chunks.get() == Chunk("Hi")
        # An interval is an hour: what follows comes together, with the answer's end.
        for piece in (TEXT, TEXT, TEXT + STOP, DONE, None):
            await pieces.next.put(piece)
        await reading
        assert [chunks.get_nowait() for _ in range(chunks.qsize())] == [
            Chunk("HiHiHi"),
            ENDED,
        ]
        await provider.close()
