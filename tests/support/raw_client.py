"""A client that writes bytes as they are, and says how it was answered: HTTP/1.1 over a connection that is kept."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

LONGEST_ANSWER: Final = 40 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request was answered. Of an event stream only its beginning is read."""

    status: int
    headers: dict[str, str]
    body: bytes


class Broken(Exception):
    """The connection ended without an answer to what was asked."""


@dataclass
class RawClient:
    """One connection, opened again where its last answer ended it."""

    host: str
    port: int
    patience_seconds: float = 30.0
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)

    async def send(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, bytes]] = (),
        body: bytes | None = None,
        cuts: Sequence[int] = (),
    ) -> Answer:
        """The answer. Raises Broken where there is none, TimeoutError where none comes."""
        lines = [f"{method} {target} HTTP/1.1".encode(), f"Host: {self.host}:{self.port}".encode()]
        lines += [b"%s: %s" % (name.encode(), value) for name, value in headers]
        if body is not None:
            lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        async with asyncio.timeout(self.patience_seconds):
            try:
                return await self._asked(method, head, body or b"", cuts)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                raise Broken(repr(error)) from error

    async def close(self) -> None:
        """Ends the connection."""
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _asked(self, method: str, head: bytes, body: bytes, cuts: Sequence[int]) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, limit=1024 * 1024)
        reader, writer = self._streams
        answering = asyncio.ensure_future(_answer(reader, method))
        try:
            sent = await _write(writer, head, body, cuts, answering)
            answer, whole = await answering
        finally:
            answering.cancel()
        if not (sent and whole) or answer.headers.get("connection") == "close":
            await self.close()
        return answer


async def _write(
    writer: asyncio.StreamWriter,
    head: bytes,
    body: bytes,
    cuts: Sequence[int],
    answering: asyncio.Future[tuple[Answer, bool]],
) -> bool:
    """Head and body in one piece, or cut; False where it was answered before the end, and says no more."""
    begin, first = 0, head
    for cut in (*cuts, len(body)):
        if answering.done():
            return False
        writer.write(first + body[begin:cut])
        begin, first = cut, b""
        try:
            await writer.drain()
        except ConnectionError:
            # What was answered before it is read all the same.
            return False
        await asyncio.sleep(0)
    return True


async def _answer(reader: asyncio.StreamReader, method: str) -> tuple[Answer, bool]:
    """The next answer on the connection, and whether another may follow it there."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    if method == "HEAD" or status in (204, 304):
        return Answer(status, headers, b""), True
    if headers.get("transfer-encoding") == "chunked":
        return await _chunked(reader, status, headers)
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(int(headers["content-length"]))), True
    return Answer(status, headers, await reader.read(LONGEST_ANSWER)), False


async def _chunked(reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> tuple[Answer, bool]:
    body, streamed = b"", headers.get("content-type", "").startswith("text/event-stream")
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
        if streamed:
            return Answer(status, headers, body), False
    await reader.readuntil(b"\r\n")
    return Answer(status, headers, body), True
