"""HEAD wherever GET is (RFC 9110, section 9.3.2): the headers of the answer to a GET, and nothing begun for them."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEAD: Final = "head"


class HeadRequests:
    """Has the app answer as to a GET, and sends no body. Routes that wait, stream or begin something ask `is_head`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not message.get("more_body", False):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # A copy: the server looks into the scope it gave for what it has to send.
        asked = {**scope, "method": "GET", "state": {**scope.get("state", {}), _HEAD: True}}
        await self._app(asked, receive, send_head)


def is_head(scope: Scope) -> bool:
    """Whether only the headers of an answer are wanted."""
    return _HEAD in scope.get("state", {})
