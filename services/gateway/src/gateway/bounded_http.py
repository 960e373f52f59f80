"""uvicorn's HTTP protocol with two bounds it lacks: how long a request may take to come, and how long its head may be.

Without them whoever opens connections and sends a byte now and then holds them, and a head without an end fills the
memory. Where a proxy stands in front it has bounds of its own; this is for the gateway that stands alone.
"""

import asyncio
import json
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

REQUEST_SECONDS: Final = 60.0
"""From a connection's first moment, or a later request's first byte, to the last byte of its body."""
LARGEST_HEAD: Final = 64 * 1024


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to a head that is too long, 408 to a request that does not come; then the connection ends."""

    # With two more names of its own, each connection's `__dict__` would outgrow the form instances share: 1 KB more.
    __slots__ = ("_head_bytes", "_late")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_bytes: int | None = 0  # None while a body comes
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                self._refuse(431, "Request Header Fields Too Large", f"has a head of more than {LARGEST_HEAD} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._late is None:
            self._expect()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._came()
        super().on_message_complete()

    def _expect(self) -> None:
        self._late = self.loop.call_later(REQUEST_SECONDS, self._too_late)

    def _came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._refuse(408, "Request Timeout", f"has not come whole within {REQUEST_SECONDS:g} s")

    def _refuse(self, status: int, phrase: str, what: str) -> None:
        """Says why in the contract's shape where no answer has begun; the app sees a client that left."""
        self._came()
        if self.transport.is_closing():
            return
        answering: RequestResponseCycle | None = self.cycle
        if answering is None or answering.response_complete or not answering.response_started:
            error = {"error": "invalid_request", "message": f"The request {what}.", "requestId": None}
            body = json.dumps(error | {"details": {}}).encode()
            head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            self.transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        self.transport.close()
