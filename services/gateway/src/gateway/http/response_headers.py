"""What every answer carries, errors and streams included: its request id, no caching of JSON, no guessing."""

import re
from collections.abc import Iterable
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.identity import new_id
from shared.tracebacks import wordless

REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
HEADER: Final = b"x-request-id"
ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")

Pairs = Iterable[tuple[bytes, bytes]]

log = structlog.stdlib.get_logger("gateway")


class ResponseHeaders:
    """Plain ASGI around the whole app, so that answers nobody foresaw carry it too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        reads = scope["method"] in ("GET", "HEAD")
        complete = False

        async def send_with_headers(message: Message) -> None:
            nonlocal complete
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (HEADER, request_id.encode()), *ALWAYS]
                if reads and _is_json_to_be_stored(headers):
                    headers.append(_NO_STORE)
                message["headers"] = headers
            else:
                complete = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if not complete:
                raise
            # It was answered with 500. Raised further it would end the connection without a word to its client.
            log.error("request failed", path=scope["path"], request_id=request_id, error=wordless(error))


def request_id_of(headers: Pairs) -> str:
    """The caller's request id, if it sent one that can stand in a header and a log line; else a new one."""
    for name, value in headers:
        if name == HEADER:
            return value.decode() if REQUEST_ID.fullmatch(value) else new_id()
    return new_id()


def _is_json_to_be_stored(headers: Pairs) -> bool:
    json = False
    for name, value in headers:
        if name == b"cache-control":
            return False
        json = json or (name == b"content-type" and value.startswith(b"application/json"))
    return json
