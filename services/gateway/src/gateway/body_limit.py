"""The largest body: refused by what it says of itself, before a byte of it is read, or else where it grows too large.

FastAPI has such a limit too, in three layers of its own for each of app, router and route; every request, and every
piece of a body, passed through all of them.
"""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.error_answers import http_answer

TOO_LARGE = 413


class BodyLimit:
    """Answers 413 to requests whose body is over the limit; `larger` holds those of paths that begin so."""

    def __init__(self, app: ASGIApp, largest: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._largest = largest
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, declared = self._limit(scope["path"]), _declared(scope)
        if declared is None:
            await self._app(scope, _counted(receive, limit), send)
        elif declared <= limit:
            await self._app(scope, receive, send)
        else:
            await http_answer(Request(scope), TOO_LARGE)(scope, receive, send)

    def _limit(self, path: str) -> int:
        return next((limit for prefix, limit in self._larger.items() if path.startswith(prefix)), self._largest)


def _declared(scope: Scope) -> int | None:
    """The length a body says it has: the server sees to it that it has no other; None where it says nothing."""
    if scope["method"] in ("GET", "HEAD"):
        return 0
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(length) if length.isdigit() else None


def _counted(receive: Receive, limit: int) -> Receive:
    """Raises, inside of the app, for the piece that makes a body too large: its error handlers answer."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(TOO_LARGE)
        return message

    return counted
