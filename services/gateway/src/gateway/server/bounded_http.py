"""uvicorn's HTTP protocol with what it lacks: bounds for a request's time and lines, and refusals in one shape.

Without bounds whoever opens connections and sends a byte now and then holds them, and a head or trailers without an
end fill the memory. Where a proxy stands in front it has bounds of its own; this is for the gateway that stands alone.

A request has one answer. What is refused here reaches no app, or one that still waits for the body and is told that
its client left (`body_limit.py`). Requests that were sent ahead wait as bytes until the one before is answered.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.http.cors import Cors
from gateway.http.request_bytes import RequestBytes, content_length
from gateway.server.last_answer import last_answer
from gateway.server.refusals import refusal_response
from shared.tracebacks import wordless

REQUEST_SECONDS: Final = 60.0
"""From a connection's first moment, or a later request's first byte, to the last byte of its body."""
LARGEST_HEAD: Final = 64 * 1024
"""What head and trailers of a request take together, in bytes."""
LINGER_SECONDS: Final = 5.0
VERSIONS: Final = ("1.1", "1.0")
UNREADABLE: Final = "The request cannot be read as HTTP/1.1."

log = structlog.stdlib.get_logger("gateway")


class BoundedHttp(HttpToolsProtocol):
    """Answers 431 to lines that are too long, 408 to a request that does not come, 400 to what is none.

    Then the connection ends. `cors` says which pages may read these answers.
    """

    cors: ClassVar[Cors] = Cors()
    # With more names of its own, each connection's `__dict__` would outgrow the form instances share: 1 KB more.
    __slots__ = ("_bytes", "_held", "_late", "_refused", "_upgrade", "_wrong")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._bytes = RequestBytes()
        self._late: asyncio.TimerHandle | None = None
        self._held = b""  # requests that were sent ahead
        self._wrong: str | None = None  # with a head that can be read
        self._upgrade = False  # is asked for, before a body
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Not uvicorn's own: that logs every request that cannot be read, and answers it in plain text."""
        if self._refused:
            return
        if self._held:
            self._hold(self._held + data)
        else:
            self._read(data)

    def on_headers_complete(self) -> None:
        named = dict(self.headers)
        length, chunked = content_length(named.get(b"content-length")) or 0, b"transfer-encoding" in named
        self._wrong = self._wrong_in_head()
        self._upgrade = self.parser.should_upgrade() and (length > 0 or chunked)
        if not self._upgrade:
            self._bytes.head_ended(length, chunked)
        if self._goes_on():
            super().on_headers_complete()
            # Trailers are none of the request's headers: who calls is not said after the body.
            self.headers = []

    def on_message_complete(self) -> None:
        if self._goes_on():
            self._bytes.start()
            self._came()
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._held:
            self.loop.call_soon(self._go_on)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not cycle.keep_alive:
            app = last_answer(app, cycle, self._linger)
        super()._start_asgi_task(cycle, app)

    def _goes_on(self) -> bool:
        """Whether nothing speaks against the request as it was read so far."""
        return self._wrong is None and not self._upgrade and not self._bytes.lines_exceed(LARGEST_HEAD)

    def _read(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self._refused:
            if self._bytes.at_start:
                # Line ends between requests are let through.
                at = len(data) - len(data[at:].lstrip(b"\r\n")) if data[at] in b"\r\n" else at
                if at == len(data):
                    return
                if self._is_answering():
                    self._hold(data[at:])
                    return
                self._unset_keepalive_if_required()
                self._expect()
            end = self._bytes.end(data, at)
            self._feed(data[at:end])
            at = end

    def _feed(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            # To what is not spoken here: it is answered as it stands.
            pass
        except httptools.HttpParserError as error:
            _say_if_ours(error)
            self._refuse(400, UNREADABLE)
            return
        if self._wrong is not None:
            self._refuse(400, self._wrong)
        elif self._bytes.lines_exceed(LARGEST_HEAD):
            self._refuse(431, f"The request has a head of more than {LARGEST_HEAD} bytes, trailers included.")
        elif self._upgrade:
            self._read_again()

    def _read_again(self) -> None:
        """The head without its wish: to the parser the body behind it is of another protocol already."""
        head = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = [pair for pair in self.headers if pair[0] not in (b"upgrade", b"http2-settings")]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(head + b"".join(b"%s: %s\r\n" % pair for pair in kept) + b"\r\n")

    def _wrong_in_head(self) -> str | None:
        """What is wrong with a head that the parser takes."""
        version = self.parser.get_http_version()
        if version not in VERSIONS or not (self.url.startswith(b"/") or httptools.parse_url(self.url).path):
            return UNREADABLE
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            return "The request must have one Host header."
        return None

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _hold(self, data: bytes) -> None:
        self._held = data
        self.flow.pause_reading()

    def _go_on(self) -> None:
        """With what was sent ahead."""
        if not self.transport.is_closing():
            data, self._held = self._held, b""
            self._read(data)

    def _expect(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_SECONDS, self._too_late)

    def _came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._refuse(408, f"The request has not come whole within {REQUEST_SECONDS:g} s.")

    def _refuse(self, status: int, sentence: str) -> None:
        """Says why where the request has no answer yet; its app, which waits for the body, sees a client that left."""
        if self.transport.is_closing():
            return
        own: RequestResponseCycle | None = self.cycle
        if own is not None and own.scope is not self.scope:
            own = None
        if own is not None and own.response_started and not own.response_complete:
            self.transport.close()
            return
        if own is not None and not own.response_started:
            own.disconnected = True
            own.message_event.set()
        if own is None or not own.response_started:
            usual = self.server_state.default_headers
            # Without a byte of it there are neither.
            scope: Mapping[str, Any] = self.scope or {}
            url, headers = getattr(self, "url", b""), scope.get("headers", ())
            self.transport.write(refusal_response(status, sentence, url, headers, self.cors, usual))
        self._linger()

    def _linger(self) -> None:
        """Ends the connection when its peer had time to read: a close with bytes unread would reset it."""
        self._came()
        self._unset_keepalive_if_required()
        self._refused, self._held = True, b""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._late = self.loop.call_later(LINGER_SECONDS, self.transport.close)


def _say_if_ours(error: httptools.HttpParserError) -> None:
    """An error that was raised in a callback and is none of the parser's: a fault of this process, not of a client."""
    cause = error.__context__
    if cause is not None and not isinstance(cause, (httptools.HttpParserError, UnicodeError)):
        log.error("request not read", error=wordless(cause))


def http_with(allowed: Cors) -> type[BoundedHttp]:
    """The protocol whose refusals the pages that `allowed` lists may read."""

    class Http(BoundedHttp):
        __slots__ = ()
        cors = allowed

    return Http
