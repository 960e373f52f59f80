"""Server-sent events as bytes (WHATWG HTML, section 9.2.5). An event is encoded once, for all its readers.

An empty line stands behind an event's data and nowhere else: to the standard one behind a comment or an advice means
nothing, to widespread clients it is an event without data.
"""

import json
from typing import Final

from gateway.event_stream.log.cursors import run_tag

RETRY_MILLISECONDS: Final = 1000
HEARTBEAT: Final = b":\n"


def advice(text: str) -> bytes:
    """When to reconnect, and a comment for people who look at the wire: the first and the last bytes of a stream."""
    return f"retry: {RETRY_MILLISECONDS}\n: {text}\n".encode()


def named(event: str, payload: bytes, identity: str | None = None) -> bytes:
    """One event with its name; `identity` is what a reconnecting client sends back."""
    head = f"id: {identity}\nevent: {event}" if identity else f"event: {event}"
    return b"%s\ndata: %s\n\n" % (head.encode(), one_line(payload))


def data_of(frame: bytes) -> bytes:
    """The payload of an event, as `named` wrote it."""
    return frame[frame.index(b"\ndata: ") + 7 : -2]


def named_json(event: str, value: dict[str, object], identity: str | None = None) -> bytes:
    """One event whose data is a JSON object."""
    return named(event, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), identity)


def unnamed(payload: bytes, identity: str) -> bytes:
    """One message for `onmessage`."""
    return b"id: %s\ndata: %s\n\n" % (identity.encode(), one_line(payload))


def one_line(payload: bytes) -> bytes:
    """The JSON without line ends, which would end an SSE field.

    Inside JSON strings there are none of the standard's. U+0085, U+2028 and U+2029 may stand there, and clients that
    split texts by every line end of Unicode (httpx's `aiter_lines`, and what is built on it) would break the event.
    """
    if b"\n" in payload or b"\r" in payload:
        payload = payload.replace(b"\n", b" ").replace(b"\r", b" ")
    if payload.isascii():
        return payload
    if b"\xe2\x80\xa8" in payload or b"\xe2\x80\xa9" in payload or b"\xc2\x85" in payload:
        payload = payload.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
        payload = payload.replace(b"\xc2\x85", rb"\u0085")
    return payload


class EventEncoder:
    """Writes the events of one run, whose ids share their first part."""

    __slots__ = ("_prefix",)

    def __init__(self, epoch: str, run_id: str) -> None:
        self._prefix = f"{epoch}-{run_tag(run_id)}-"

    def identity(self, sequence: int) -> str:
        """The cursor of whoever has everything up to `sequence`."""
        return f"{self._prefix}{sequence}"

    def event(self, sequence: int, event: str, payload: bytes) -> bytes:
        """The event as every reader gets it."""
        return named(event, payload, f"{self._prefix}{sequence}")
