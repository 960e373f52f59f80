"""An answer as an ASGI response: whole, or broken off so that its reader sees it."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.event_stream.connections.detach import detach
from gateway.event_stream.connections.open_streams import OpenStream, OpenStreams
from gateway.event_stream.connections.response import HEADERS
from gateway.event_stream.log.frames import advice
from gateway.http.head_requests import is_head
from shared.errors import TransientError
from shared.logs import Logger

LONGEST_SECONDS: Final = 3600.0

Serve = Callable[[OpenStream], Awaitable[bool]]


class AnswerResponse(Response):
    """Runs `serve(client)`, which says whether it wrote the answer to its end.

    A body that ends well before its end is taken for a success by AI SDK clients.
    So an answer that this process cannot finish, because it stops or its broker is away, ends without its last chunk:
    the client sees a broken connection and comes again. `events` says that comments may stand between the chunks,
    `counted` counts the stream for its caller.
    """

    def __init__(
        self,
        open_streams: OpenStreams,
        serve: Serve,
        headers: Mapping[str, str],
        log: Logger,
        *,
        events: bool,
        counted: AbstractContextManager[None],
    ) -> None:
        self.status_code = 200
        self.background = None
        self._open_streams = open_streams
        self._serve = serve
        self._log = log
        self._events = events
        self._counted = counted
        self.init_headers({**HEADERS, **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if is_head(scope):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await detach(scope, receive, send, self._stream)

    async def _stream(self, receive: Receive, send: Send) -> None:
        stream = self._open_streams.new(send) if self._events else OpenStream(send, math.inf)
        with self._counted, self._open_streams.holding(stream):
            watching = asyncio.create_task(stream.cut_when_gone(receive))
            try:
                async with asyncio.timeout(LONGEST_SECONDS) as bound:
                    stream.bind(bound)
                    if await self._whole(stream):
                        await send({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                if not stream.cut_off:
                    self._log.warning("answer not made in time, its reader is sent away")
            finally:
                watching.cancel()

    async def _whole(self, stream: OpenStream) -> bool:
        if self._events:
            await stream.write(advice("connected"))
        try:
            return not stream.leaving and await self._serve(stream)
        except TransientError as error:
            self._log.info("answer broken off", error=str(error))
            return False
