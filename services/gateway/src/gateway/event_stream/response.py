"""An event stream as an ASGI response: headers and first bytes at once, an end in every case."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.event_stream.clients import Client, OpenClients
from gateway.event_stream.frames import advice
from shared.errors import StoreUnavailable, TransientError

HEADERS: Final = {
    "Cache-Control": "no-cache, no-transform",
    "Connection": "keep-alive",
    "X-Accel-Buffering": "no",
    "Content-Type": "text/event-stream; charset=utf-8",
}

Serve = Callable[[Client], Awaitable[None]]


class EventStreamResponse(Response):
    """Runs `serve(client)` for as long as the client stays; it returns at the stream's end.

    What will pass (broker or store away, too many streams, a server that stops) is an end with advice to come
    again, never a status: an EventSource gives up for good on any other status than 200.
    """

    def __init__(self, clients: OpenClients, serve: Serve, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = 200
        self.background = None
        self._clients = clients
        self._serve = serve
        self.init_headers({**HEADERS, **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the stream; a client that left or hung is dropped without a last byte."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        client = self._clients.new(send)
        if self._clients.full:
            await client.write(advice("too many streams are open here, please reconnect"))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        with self._clients.holding(client):
            watching = asyncio.create_task(_cut_when_gone(receive, client))
            try:
                async with asyncio.timeout(None) as bound:
                    client.bind(bound)
                    await self._stream(client)
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                if not client.cut_off:
                    raise
            finally:
                watching.cancel()

    async def _stream(self, client: Client) -> None:
        await client.write(advice("connected"))
        try:
            if not client.leaving:
                await self._serve(client)
        except TransientError as error:
            await client.write(advice(f"{_reason(error)}, please reconnect"))
        if client.leaving:
            await client.write(advice("the server is going down, please reconnect"))


async def _cut_when_gone(receive: Receive, client: Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.cut()


def _reason(error: TransientError) -> str:
    return "the store is away" if isinstance(error, StoreUnavailable) else "the broker is away"
