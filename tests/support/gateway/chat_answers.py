"""Posts of `useChat`, and readers of their answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from support.gateway.instance import Instance

Body = dict[str, Any]
CHAT = "/api/chat"


def said(text: str, identity: str | None = "m1", **more: Any) -> Body:
    """A person's message as AI SDK 5 to 7 post it."""
    named = {"id": identity} if identity else {}
    return named | {"role": "user", "parts": [{"type": "text", "text": text}]} | more


def asked(*messages: Body, chat: str | None = "chat-1", **more: Any) -> Body:
    """A post of `useChat`."""
    return ({"id": chat} if chat else {}) | {"messages": list(messages), "trigger": "submit-message"} | more


@dataclass
class Chunk:
    """One server-sent event of an answer."""

    id: str | None
    data: str

    @property
    def body(self) -> Any:
        return json.loads(self.data)


def chunks_of(read: bytes) -> list[Chunk]:
    """The whole events in what was read; what the end cut off is none."""
    chunks = []
    for block in read.decode(errors="ignore").split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        # To widespread clients a block without data is an event, too, and an empty one.
        chunks.append(Chunk(lines.get("id"), lines["data"]))
    return chunks


def kinds(chunks: list[Chunk]) -> list[str]:
    return [chunk.data if chunk.data == "[DONE]" else chunk.body["type"] for chunk in chunks]


def text_of(chunks: list[Chunk]) -> str:
    """The text of a UI message stream, a reset taken into account."""
    text = ""
    for chunk in chunks:
        body = chunk.body if chunk.data != "[DONE]" else {"type": "[DONE]"}
        text = "" if body["type"] == "reset-step" else text + body.get("delta", "")
    return text


@dataclass
class Reader:
    """Reads an answer as it comes."""

    response: httpx.Response
    read: bytes = b""
    broken: bool = False

    async def until(self, kind: str) -> list[Chunk]:
        """Reads on until a chunk of this type came."""
        async with asyncio.timeout(15):
            while kind not in kinds(chunks_of(self.read)):
                self.read += await anext(self._bytes)
        return chunks_of(self.read)

    async def until_text(self, text: str) -> list[Chunk]:
        """Reads on until so much text came."""
        async with asyncio.timeout(15):
            while not text_of(chunks_of(self.read)).endswith(text):
                self.read += await anext(self._bytes)
        return chunks_of(self.read)

    async def rest(self) -> list[Chunk]:
        """Reads to the end, whole or broken off."""
        try:
            async for block in self._bytes:
                self.read += block
        except httpx.RemoteProtocolError:
            self.broken = True
        return chunks_of(self.read)

    def __post_init__(self) -> None:
        self._bytes = self.response.aiter_raw()


@asynccontextmanager
async def reading(
    gateway: Instance, body: Body | None = None, path: str = CHAT, last_id: str | None = None, **headers: str
) -> AsyncIterator[Reader]:
    """An answer that is read while it is written: posted for, or resumed where there is no body."""
    sent = headers | ({"Last-Event-ID": last_id} if last_id else {})
    method = "GET" if body is None else "POST"
    async with gateway.http.stream(method, path, json=body, headers=sent) as response:
        yield Reader(response)
