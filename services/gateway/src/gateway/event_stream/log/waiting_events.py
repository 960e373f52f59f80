"""What is heard while history is read: it waits, and is looked at again when history is in."""

from operator import attrgetter
from typing import Final

from gateway.event_stream.log.events import StreamEvent

WAITING_EVENTS: Final = 2048
WAITING_BYTES: Final = 4 * 1024 * 1024

by_sequence = attrgetter("sequence")


class WaitingEvents:
    """Bounded: what there is no room for is dropped, and history has to reach it instead, up to `must_reach`."""

    __slots__ = ("_bytes", "_events", "must_reach")

    def __init__(self) -> None:
        self.must_reach = 0
        self._events: list[StreamEvent] = []
        self._bytes = 0

    def require(self, sequence: int) -> None:
        """History has to be read up to a sequence at least."""
        self.must_reach = max(self.must_reach, sequence)

    def add(self, event: StreamEvent) -> None:
        if self._events and (len(self._events) >= WAITING_EVENTS or self._bytes >= WAITING_BYTES):
            self.require(self._events[-1].sequence)
            self._events, self._bytes = [], 0
        self._events.append(event)
        self._bytes += len(event.payload)

    def take(self) -> list[StreamEvent]:
        """All that waits, in the order of the stream; nothing waits any more."""
        events, self._events, self._bytes, self.must_reach = self._events, [], 0, 0
        events.sort(key=by_sequence)
        return events
