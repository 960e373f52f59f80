"""Bodies: whole before anything is done, no larger than a path takes, and not compressed.

A body too large is refused by what it says of itself, before a byte of it is read, or else where it grows too large;
one that does not come to its end reaches nobody. So what is refused was not carried out, not even by a route that
reads no body.
"""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import CompressedBody
from gateway.http.error_responses import error_response, http_error_response
from gateway.http.request_bytes import content_length

TOO_LARGE: Final = 413


class BodyLimit:
    """Hands requests on with their whole body; `larger` holds the limits of paths that begin so."""

    def __init__(self, app: ASGIApp, largest: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._largest = largest
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        encoding = _header(scope, b"content-encoding")
        if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
            await error_response(CompressedBody(encoding.decode("latin-1")), Request(scope))(scope, receive, send)
            return
        try:
            body = await _whole(scope, receive, self._limit(scope["path"]))
        except _TooLarge:
            await http_error_response(Request(scope), TOO_LARGE)(scope, receive, send)
        except _Left:
            return
        else:
            await self._app(scope, _then(body, receive), send)

    def _limit(self, path: str) -> int:
        return next((limit for prefix, limit in self._larger.items() if path.startswith(prefix)), self._largest)


class _TooLarge(Exception):
    """The body has more bytes than its path takes."""


class _Left(Exception):
    """The body did not come to its end: its client is gone, or was refused."""


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in scope["headers"]
    )


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)


async def _whole(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The body, when all of it is there. Raises _TooLarge, _Left."""
    size, pieces, more = content_length(_header(scope, b"content-length")) or 0, [], True
    if size > limit:
        raise _TooLarge
    size = 0
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _Left
        more = message.get("more_body", False)
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise _TooLarge
    return b"".join(pieces)


def _then(body: bytes, receive: Receive) -> Receive:
    """The whole body first, which is not kept, then what else is heard of the client."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
