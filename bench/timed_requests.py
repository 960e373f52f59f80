"""Asking for an answer and noting when it came, on a connection that costs a few microseconds a piece itself."""

import asyncio
import time
from typing import Any, Final, NamedTuple

import orjson

from bench.product import NotMeasured
from local_stack.ports import LOOPBACK

TIMEOUT_SECONDS: Final = 60.0
_GOOD: Final = b"HTTP/1.1 200"
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_SHOWN_BYTES: Final = 300


class Arrival(NamedTuple):
    """Milliseconds from a request to its answer's first byte, and to its first token."""

    first_byte: float
    first_token: float


class Connection(asyncio.Protocol):
    """One person's connection, kept from question to question; `token` is how text begins in the answer's format."""

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._whole: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # what a socket has
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        self._end()

    async def ask(self, path: str, body: dict[str, Any], words: int) -> Arrival:
        """When anything and when text came; returns at the answer's end. Raises NotMeasured where it is not whole."""
        payload = orjson.dumps(body)
        self._read, self._first_byte, self._first_token = bytearray(), 0.0, 0.0
        self._whole = asyncio.get_running_loop().create_future()
        head = f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\n"
        began = time.perf_counter()
        self._transport.write(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._whole
        read = bytes(self._read)
        if not self._first_token or b"[DONE]" not in read[-_SHOWN_BYTES:] or str(words).encode() not in read:
            raise NotMeasured(f"{path} answered: {read[-_SHOWN_BYTES:].decode(errors='replace')}")
        return Arrival((self._first_byte - began) * 1000, (self._first_token - began) * 1000)

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not self._first_token:
            self._note()
        if self._read.endswith(_LAST_CHUNK) or not self._read.startswith(_GOOD):
            self._end()

    def close(self) -> None:
        self._transport.close()

    def _note(self) -> None:
        head = self._read.find(b"\r\n\r\n")
        if not self._first_byte and 0 <= head < len(self._read) - 4:
            self._first_byte = time.perf_counter()
        if self._token in self._read:
            self._first_token = time.perf_counter()

    def _end(self) -> None:
        if self._whole is not None and not self._whole.done():
            self._whole.set_result(None)


async def connect(port: int, token: bytes) -> Connection:
    """A connection to a server of this machine."""
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(token), LOOPBACK, port)
    return connection
