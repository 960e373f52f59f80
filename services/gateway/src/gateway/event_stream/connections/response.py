"""An event stream as an ASGI response: headers and first bytes at once, an end in every case."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.errors import TooManyStreams
from gateway.event_stream.connections.detach import detach
from gateway.event_stream.connections.open_streams import OpenStream, OpenStreams
from gateway.event_stream.log.frames import advice
from gateway.http.head_requests import is_head
from shared.errors import StoreUnavailable, TransientError

HEADERS: Final = {
    "Cache-Control": "no-cache, no-transform",
    "Connection": "keep-alive",
    "X-Accel-Buffering": "no",
    "Content-Type": "text/event-stream; charset=utf-8",
}

Serve = Callable[[OpenStream], Awaitable[None]]
Admitted = AbstractAsyncContextManager[None]
EVERYBODY: Final[Admitted] = nullcontext()


class EventStreamResponse(Response):
    """Runs `serve(client)` for as long as the client stays; it returns at the stream's end.

    What will pass (broker or store away, too many streams, a server that stops) is an end with advice to come
    again, never a status: an EventSource gives up for good on any other status than 200. A format that is no
    EventSource's (`advised` false) has no such advice: its `serve` says itself what went wrong.
    `admitted` is entered for the length of the stream, and may raise TooManyStreams.
    """

    def __init__(
        self,
        open_streams: OpenStreams,
        serve: Serve,
        headers: Mapping[str, str] | None = None,
        *,
        advised: bool = True,
        admitted: Admitted = EVERYBODY,
    ) -> None:
        self.status_code = 200
        self.background = None
        self._stream = _Stream(open_streams, serve, advised, admitted)
        self.init_headers({**HEADERS, **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the headers through the app's layers; what follows passes them by."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if is_head(scope):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await detach(scope, receive, send, self._stream)


class _Stream:
    """What is left of a response once its headers are out."""

    __slots__ = ("_admitted", "_advised", "_open_streams", "_serve")

    def __init__(self, open_streams: OpenStreams, serve: Serve, advised: bool, admitted: Admitted) -> None:
        self._open_streams = open_streams
        self._serve = serve
        self._advised = advised
        self._admitted = admitted

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Serves the stream; a client that left or hung is dropped without a last byte."""
        stream = self._open_streams.new(send)
        if self._open_streams.full:
            await self._advise(stream, "too many streams are open here, please reconnect")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        with self._open_streams.holding(stream):
            watching = asyncio.create_task(stream.cut_when_gone(receive))
            try:
                async with asyncio.timeout(None) as bound:
                    stream.bind(bound)
                    await self._write(stream)
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                if not stream.cut_off:
                    raise
            finally:
                watching.cancel()

    async def _write(self, stream: OpenStream) -> None:
        await self._advise(stream, "connected")
        try:
            if not (self._advised and stream.leaving):
                async with self._admitted:
                    await self._serve(stream)
        except TooManyStreams as refused:
            await self._advise(stream, f"{refused.code}: {refused.message}")
        except TransientError as error:
            if not self._advised:
                raise
            await self._advise(stream, f"{_reason(error)}, please reconnect")
        if stream.leaving:
            await self._advise(stream, "the server is going down, please reconnect")

    async def _advise(self, stream: OpenStream, text: str) -> None:
        if self._advised:
            await stream.write(advice(text))


def _reason(error: TransientError) -> str:
    return "the store is away" if isinstance(error, StoreUnavailable) else "the broker is away"
