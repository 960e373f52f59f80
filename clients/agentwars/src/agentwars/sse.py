"""Server-sent events: bytes in, events out, by the rules of the HTML standard (section 9.2.6)."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx

from agentwars.errors import BrokenStream

MEDIA_TYPE: Final = "text/event-stream"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LARGEST_EVENT: Final = 8 * 1024 * 1024  # bytes; the gateway's own events stay under 1 MiB


@dataclass(frozen=True)
class Event:
    """One event: its type, its JSON object, and its own id, if it has one (opaque)."""

    type: str
    data: dict[str, Any]
    id: str | None = None


@dataclass
class Parser:
    """Takes bytes as they come, split anywhere, and yields whole events.

    `last_id` is the cursor after the last complete event, `retry` the server's advice if it gave any.
    """

    last_id: str | None = None
    retry: timedelta | None = None
    _rest: bytes = b""
    _after_return: bool = False
    _begun: bool = False
    _type: str = ""
    _data: list[str] = field(default_factory=list)
    _size: int = 0
    _id: str | None = None

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Raises BrokenStream where one event is larger than 8 MiB, or its data is no JSON object."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF that was split between two chunks
            self._after_return = False
        if not chunk:
            return
        self._after_return = chunk.endswith(b"\r")
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        self._check_size(len(self._rest))
        for line in lines:
            event = self._take(line)
            if event is not None:
                yield event

    def _check_size(self, more: int) -> None:
        if self._size + more > _LARGEST_EVENT:
            raise BrokenStream("one event is larger than 8 MiB")

    def _take(self, line: bytes) -> Event | None:
        if not self._begun:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._begun = True
        if not line:
            return self._dispatch()
        self._size += len(line)
        self._check_size(0)
        name, _, value = line.decode(errors="replace").partition(":")
        self._field(name, value.removeprefix(" "))
        return None

    def _field(self, name: str, value: str) -> None:
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._type = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry = timedelta(milliseconds=int(value[:9]))
            case _:
                pass  # a comment (its name is empty) or a field of a later standard: ignored, as the standard asks

    def _dispatch(self) -> Event | None:
        if self._id is not None:
            self.last_id = self._id or None
        lines, kind, own_id = self._data, self._type or "message", self._id
        self._data, self._type, self._size, self._id = [], "", 0, None
        return Event(kind, _object("\n".join(lines)), own_id or None) if lines else None


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as cause:
        raise BrokenStream("an event's data is no JSON") from cause
    if not isinstance(value, dict):
        raise BrokenStream("an event's data is no JSON object")
    return value


async def read(response: httpx.Response, parser: Parser) -> AsyncIterator[Event]:
    """The events of an open response, until its body ends."""
    async for chunk in response.aiter_bytes():
        for event in parser.feed(chunk):
            yield event
