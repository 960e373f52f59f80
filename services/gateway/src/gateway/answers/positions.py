"""Which chunk a client has: `<hub cursor>.<answer seq>.<place>`, opaque to clients.

Every chunk has a fixed place among those its event may become, whether the others are made or not. So a chunk has one
id on every replica and at every repetition, also where a delta was lost in one of them.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.event_stream.log.cursors import Cursor, read_cursor

END: Final = 9000
"""The place of the first chunk of an ending; tools stand before it."""
TERMINAL: Final = END + 2
"""The place of the chunk that says how it ended: nothing that matters follows it."""
_WRITTEN: Final = re.compile(r"([0-9a-f-]{1,45})\.([0-9]{1,9})\.([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Position:
    """The last chunk a client has."""

    cursor: Cursor
    seq: int
    place: int

    @property
    def at_end(self) -> bool:
        """Whether the client has the answer's end."""
        return self.place >= TERMINAL


def read_position(written: str | None) -> Position | None:
    """The position in a `Last-Event-ID`; None where there is none, or one that we never wrote."""
    found = _WRITTEN.fullmatch(written or "")
    cursor = read_cursor(found[1]) if found else None
    return Position(cursor, int(found[2]), int(found[3])) if found and cursor else None


class ChunkEncoder:
    """Writes chunks as server-sent events with their ids; those the client has already come out empty.

    Without a prefix they have no ids: what is written then cannot be gone on with.
    """

    def __init__(self, prefix: str | None, seq: int, since: Position | None = None) -> None:
        self._prefix = prefix
        self._seq = seq
        self._since = (since.cursor.sequence, since.place) if since else (-1, -1)
        self.resumed = since is not None

    def place_in(self, sequence: int) -> int | None:
        """The place of the last chunk the client has, where that was made of the event at `sequence`."""
        return self._since[1] if self._since[0] == sequence else None

    def encode(self, sequence: int, place: int, data: bytes) -> bytes:
        """One event, or nothing."""
        if (sequence, place) <= self._since:
            return b""
        if self._prefix is None:
            return b"data: %s\n\n" % data
        return b"id: %s%d.%d.%d\ndata: %s\n\n" % (self._prefix.encode(), sequence, self._seq, place, data)
