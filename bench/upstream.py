"""`python -m bench.upstream PORT FIRST_TOKEN_SECONDS TOKENS_PER_SECOND`: a model that counts, and costs little itself.

In production a model runs elsewhere. Here it shares two cores with what is measured, so it is no more than a protocol
that writes OpenAI's chunks on time; the demo model, which judges, plays and fails, takes several times as much a token.
It answers what asks to `count to N`, and closes any other connection.
"""

import asyncio
import re
import sys
from typing import Final

import uvloop

from local_stack.ports import LOOPBACK

_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_COUNT: Final = re.compile(rb"count to (\d+)")
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_SHARED: Final = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"counts",'
_END: Final = b"data: [DONE]\n\n"


class Answering(asyncio.Protocol):
    """One connection: a request, its answer word by word, the next request."""

    def __init__(self, first_token_seconds: float, tokens_per_second: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._first = first_token_seconds
        self._between = 1 / tokens_per_second
        self._read = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # what a socket has
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, _, body = self._read.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        self._read = b""
        counts = _COUNT.findall(body)
        if not counts:
            self._transport.close()
            return
        self._transport.write(_HEAD)
        self._words, self._written = int(counts[-1]), 0
        self._due = self._loop.time() + self._first
        self._timer = self._loop.call_at(self._due, self._write)

    def _write(self) -> None:
        self._written += 1
        word = b"%d" % self._written if self._written == 1 else b" %d" % self._written
        text = _chunk(b'{"content":"%s"}' % word, b"null")
        if self._written < self._words:
            self._transport.write(b"%x\r\n%s\r\n" % (len(text), text))
            self._due += self._between
            self._timer = self._loop.call_at(self._due, self._write)
            return
        last = text + _chunk(b"{}", b'"stop"') + self._usage() + _END
        self._transport.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))

    def _usage(self) -> bytes:
        return _SHARED + b'"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":%d}}\n\n' % self._words


def _chunk(delta: bytes, finish_reason: bytes) -> bytes:
    return _SHARED + b'"choices":[{"index":0,"delta":%s,"finish_reason":%s}],"usage":null}\n\n' % (delta, finish_reason)


async def serve(port: int, first_token_seconds: float, tokens_per_second: float) -> None:
    """Serves until it is cancelled; says when it listens."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(first_token_seconds, tokens_per_second), LOOPBACK, port)
    print("listens", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
