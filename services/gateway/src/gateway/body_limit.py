"""The largest body, refused by what it says of itself, before a byte of it is read.

FastAPI's own limit counts the bytes of bodies that say nothing; it would answer the others in a shape of its own.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.error_answers import http_answer

TOO_LARGE = 413


class DeclaredLengthLimit:
    """Answers 413 to requests whose Content-Length is over the limit; `larger` holds those of paths that begin so."""

    def __init__(self, app: ASGIApp, largest: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._largest = largest
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _declared(scope) <= self._limit(scope["path"]):
            await self._app(scope, receive, send)
            return
        await http_answer(Request(scope), TOO_LARGE)(scope, receive, send)

    def _limit(self, path: str) -> int:
        return next((limit for prefix, limit in self._larger.items() if path.startswith(prefix)), self._largest)


def _declared(scope: Scope) -> int:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(length) if length.isdigit() else 0
