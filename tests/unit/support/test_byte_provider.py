"""The byte provider sends what its script says, cut as it says, and knows what it was asked."""

import asyncio
import json

import pytest

from support.byte_provider import LOOPBACK, RESET, STAY, ByteProvider, Wait, answer, by_model, byte_provider, text


async def _ask(provider: ByteProvider, model: str = "m") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(provider.base_url.rpartition(":")[2].removesuffix("/v1"))
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    body = json.dumps({"model": model}).encode()
    head = f"POST /v1/x HTTP/1.1\r\nX-Client-Request-Id: a1\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    return reader, writer


async def test_a_script_is_sent_as_it_is_and_its_call_kept() -> None:
    async with byte_provider(by_model({"m": answer(text("Hi"))})) as provider, asyncio.timeout(5):
        reader, writer = await _ask(provider)
        assert await reader.read() == b"".join(answer(text("Hi")))
        writer.close()
        assert [(call.line, call.model, call.attempt) for call in provider.calls] == [
            ("POST /v1/x HTTP/1.1", "m", "a1")
        ]


async def test_each_piece_is_a_cut_of_its_own() -> None:
    async with byte_provider(lambda _: [b"one", Wait(0.05), b"two", STAY]) as provider, asyncio.timeout(5):
        reader, writer = await _ask(provider)
        assert [await reader.read(99), await reader.read(99)] == [b"one", b"two"]
        assert provider.open == 1
        writer.close()


async def test_a_connection_may_be_reset() -> None:
    async with byte_provider(lambda _: [b"one", Wait(0.05), RESET]) as provider, asyncio.timeout(5):
        reader, writer = await _ask(provider)
        assert await reader.read(99) == b"one"
        with pytest.raises(ConnectionResetError):
            await reader.read(99)
        writer.close()
