"""What every answer carries, errors and streams included: its request id, and no caching of JSON."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.identity import new_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
HEADER = "X-Request-Id"


class Envelope:
    """Plain ASGI around the whole app, so that answers nobody foresaw carry it too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _sent_id(scope) or new_id()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request_id
                if scope["method"] == "GET" and headers.get("content-type", "").startswith("application/json"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _sent_id(scope: Scope) -> str | None:
    """The caller's request id, if it sent one that can stand in a header and a log line."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            sent: str = value.decode("latin-1")
            return sent if REQUEST_ID.fullmatch(sent) else None
    return None
