"""A stream leaves the app's layers as soon as its headers are out.

Routing, validation and middleware stay on the stack for as long as a response is sent through them. A stream is sent
for hours: what it held of them would be most of its memory, and every event would pass through every layer.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

Rest = Callable[[Receive, Send], Awaitable[None]]

_PLACE: Final = "event_stream_rest"
_REST: Final = "rest"
_READ_BY_THE_SERVER: Final = frozenset({"type", "method", "http_version"})


class OutermostLayer:
    """Around the whole app: serves the rest of a stream when the app has returned."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        place: dict[str, Rest] = {}
        scope.setdefault("state", {})[_PLACE] = place
        await self._app(scope, receive, send)
        rest = place.pop(_REST, None)
        if rest is not None:
            kept = {name: value for name, value in scope.items() if name in _READ_BY_THE_SERVER}
            # A dict from which most was deleted stays as large as it was.
            scope.clear()
            scope.update(kept)
            await rest(receive, send)


async def detach(scope: Scope, receive: Receive, send: Send, rest: Rest) -> None:
    """Has the outermost layer serve the rest of a stream whose headers are sent; serves it here where there is none."""
    place: dict[str, Rest] | None = scope.get("state", {}).get(_PLACE)
    if place is None:
        await rest(receive, send)
    else:
        place[_REST] = rest
