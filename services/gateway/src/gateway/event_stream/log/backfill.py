"""History that is put before a log, for readers who come back to a run that is watched already.

They come back together: when a gateway died, all its readers at once, each a little further behind. The first of them
has what it misses read into the log, and the others find it there.
"""

import asyncio

from gateway.event_stream.log.events import LogScope, StreamEvent
from gateway.event_stream.log.frames import EventEncoder
from gateway.event_stream.log.ring import Item, Ring
from gateway.event_stream.log.source import Source
from shared.errors import BrokerUnavailable


class Backfill:
    """Brings events from before a ring's base into it, one read at a time; what does not fit each reads for itself."""

    __slots__ = ("_encoder", "_reading", "_ring", "_scope", "_source", "_too_far")

    def __init__(self, scope: LogScope, source: Source, ring: Ring, encoder: EventEncoder) -> None:
        self._scope = scope
        self._source = source
        self._ring = ring
        self._encoder = encoder
        self._reading = asyncio.Lock()
        self._too_far = -1

    async def bring(self, after: int) -> bool:
        """Whether the events above `after` were put before those of the ring just now. Raises BrokerUnavailable."""
        async with self._reading:
            base = self._ring.base
            if not self._too_far < after < base:
                return False
            try:
                items = await self._between(after, base)
            except BrokerUnavailable:
                # Those who wait for this read do not repeat it one after the other.
                self._too_far = base
                raise
            if items is None:
                self._too_far = after
            elif self._ring.base == base:
                self._ring.prepend(items, after)
                return True
            return False

    async def _between(self, after: int, up_to: int) -> list[Item] | None:
        """The stored events in between, or None where they are more than the ring has room for."""
        items: list[Item] = []
        size = 0
        async for event in self._source.read(self._scope, after, up_to):
            if self._scope.holds(event):
                items.append(item_of(event, self._encoder))
                size += len(items[-1].frame)
            if not self._ring.has_room_before(len(items), size):
                return None
        return items


def item_of(event: StreamEvent, encoder: EventEncoder) -> Item:
    """The event as a ring keeps it."""
    frame = encoder.event(event.sequence, event.type, event.payload)
    return Item(event.sequence, event.type, event.conversation, frame)
