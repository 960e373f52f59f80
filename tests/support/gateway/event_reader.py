"""A client that reads server-sent events byte by byte."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx

PATIENCE_SECONDS = 15.0


@dataclass
class Event:
    """One server-sent event as a client reads it."""

    id: str | None = None
    event: str = "message"
    data: str = ""


@dataclass
class Client:
    """Reads one response; everything waits at most PATIENCE_SECONDS."""

    response: httpx.Response
    comments: list[str] = field(default_factory=list)
    retry: int | None = None
    _chunks: AsyncIterator[bytes] | None = None
    _buffer: bytes = b""
    _begun: Event = field(default_factory=Event)

    async def next(self) -> Event | None:
        """The next event, or None at the end of the stream."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = self._parsed()
                if event is not None:
                    return event
                if not await self._more():
                    return None

    async def take(self, count: int) -> list[Event]:
        """The next `count` events."""
        events = [await self.next() for _ in range(count)]
        assert None not in events, "the stream ended early"
        return [event for event in events if event is not None]

    async def rest(self) -> list[Event]:
        """All events up to the end of the stream."""
        return [event async for event in self._all()]

    async def until_comment(self, text: str) -> None:
        """Reads on until a comment with this text; no event may stand before it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._parsed() is None and not any(text in comment for comment in self.comments):
                assert await self._more(), f"no comment {text!r} before the end"

    async def _all(self) -> AsyncIterator[Event]:
        while (event := await self.next()) is not None:
            yield event

    async def _more(self) -> bool:
        self._chunks = self._chunks or self.response.aiter_raw()
        chunk = await anext(self._chunks, None)
        self._buffer += chunk or b""
        return chunk is not None

    def _parsed(self) -> Event | None:
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            if line:
                self._take(line.decode())
                continue
            event, self._begun = self._begun, Event()
            # To the standard it is nothing, to widespread clients an event.
            assert event.data, "an empty event"
            return event
        return None

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "id":
                self._begun.id = value
            case "event":
                self._begun.event = value
            case "data":
                self._begun.data = value
            case "retry":
                self.retry = int(value)
            case "":
                self.comments.append(value)


def sequences(events: list[Event]) -> list[int]:
    """What the ids of events say about their places in the broker's stream."""
    return [int((event.id or "").rpartition("-")[2]) for event in events]
