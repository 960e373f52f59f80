"""The gateway's HTTP protocol with an app that notes what reaches it, over real connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.body_limit import BodyLimit
from gateway.server.bounded_http import BoundedHttp

LIMIT = 1024 * 1024
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Echo:
    """Answers a request with its body; `carried_out` holds the lengths of the bodies that it has read."""

    carried_out: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        self.carried_out.append(len(body))
        await PlainTextResponse(body)(scope, receive, send)


@dataclass
class Deed:
    """Does what it is asked for without a look at the body."""

    done: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.done += 1
        await PlainTextResponse("done")(scope, receive, send)


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[tuple[str, int]]:
    """Where the app is served, behind the limit of bodies."""
    chosen: dict[str, Any] = {"http": BoundedHttp, "ws": "none", "lifespan": "off", "server_header": False}
    config = uvicorn.Config(BodyLimit(app, LIMIT, {}), port=0, log_config=None, **(chosen | options))
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield server.servers[0].sockets[0].getsockname()[:2]
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def connected(app: ASGIApp | None = None, **options: Any) -> AsyncIterator[Connection]:
    """A connection to the app, by default to one that answers with the body."""
    async with serving(app or Echo(), **options) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The next answer of a connection: its status, its headers, its body, whose length it says."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
    return int(line.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))
