"""A worker's two answers to its supervisor: /healthz (the process) and /readyz (what it needs)."""

from collections.abc import Awaitable, Callable

from faststream.asgi import AsgiResponse, get
from faststream.asgi.response import JSONResponse
from faststream.asgi.types import ASGIApp, Scope

Check = Callable[[], Awaitable[list[str]]]
"""Answers what is missing, in words; an empty list means ready."""

# One request a connection: a prober that keeps one open holds nothing here.
_CLOSE = {"Connection": "close"}


def probe_routes(check: Check) -> list[tuple[str, ASGIApp]]:
    """The two routes, by path."""

    @get
    async def healthz(_scope: Scope) -> AsgiResponse:
        """The process lives."""
        return JSONResponse({"status": "ok"}, headers=_CLOSE)

    @get
    async def readyz(_scope: Scope) -> AsgiResponse:
        """What the worker needs is there and works; 503 names what is missing."""
        missing = await check()
        if missing:
            return JSONResponse({"status": "not ready", "missing": missing}, 503, _CLOSE)
        return JSONResponse({"status": "ready"}, headers=_CLOSE)

    return [("/healthz", healthz), ("/readyz", readyz)]
