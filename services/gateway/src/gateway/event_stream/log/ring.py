"""A bounded log of encoded events, in their order. Readers hold an index into it and nothing else."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.event_stream.log.events import RUN_ENDED, EventFilter

BLOCK_BYTES: Final = 64 * 1024
KEPT_WHEN_TRIMMED: Final = 0.75
FILLED_BACKWARDS: Final = 0.5
"""How full a ring may become by old events: beyond it new ones would push them out again soon."""


class Block(NamedTuple):
    """What a reader writes at once, and where it stands afterwards."""

    data: bytes
    next: int
    sequence: int


class Item(NamedTuple):
    """One event as a reader sees it."""

    sequence: int
    type: str
    conversation: str | None
    frame: bytes


class Ring:
    """Events above `base`, as many as fit. What is dropped is the oldest quarter at once, which is cheap.

    An index counts every event ever appended, so that it stays right when old ones are dropped; those put before
    the first one have indexes below 0.
    """

    __slots__ = (
        "_bytes",
        "_conversations",
        "_first",
        "_frames",
        "_latest",
        "_most_bytes",
        "_most_events",
        "_sequences",
        "_types",
        "base",
        "ended",
    )

    def __init__(self, base: int, most_bytes: int, most_events: int) -> None:
        self.base = base
        self.ended = False
        self._most_bytes = most_bytes
        self._most_events = most_events
        self._first = 0
        self._bytes = 0
        self._sequences: list[int] = []
        self._types: list[str] = []
        self._conversations: list[str | None] = []
        self._frames: list[bytes] = []
        self._latest: tuple[tuple[int, int, EventFilter], Block] | None = None

    @property
    def end(self) -> int:
        """The index the next event will have."""
        return self._first + len(self._frames)

    @property
    def start(self) -> int:
        """The index of the oldest event that is still here."""
        return self._first

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._bytes

    @property
    def first_type(self) -> str | None:
        """The type of the oldest event that is still here."""
        return self._types[0] if self._types else None

    def append(self, item: Item) -> None:
        """Adds the next event; `run.ended` is the last."""
        self._sequences.append(item.sequence)
        self._types.append(item.type)
        self._conversations.append(item.conversation)
        self._frames.append(item.frame)
        self._bytes += len(item.frame)
        self.ended = self.ended or item.type == RUN_ENDED
        if self._bytes > self._most_bytes or len(self._frames) > self._most_events:
            self.trim(int(self._most_bytes * KEPT_WHEN_TRIMMED))

    def has_room_before(self, events: int, size: int) -> bool:
        """Whether so many events of so many bytes may be put before those that are here."""
        return (
            len(self._frames) + events <= self._most_events * FILLED_BACKWARDS
            and self._bytes + size <= self._most_bytes * FILLED_BACKWARDS
        )

    def prepend(self, items: Sequence[Item], base: int) -> None:
        """Puts the events between `base` and the present base before those that are here."""
        self.base = base
        self._first -= len(items)
        self._bytes += sum(len(item.frame) for item in items)
        self._sequences[:0] = [item.sequence for item in items]
        self._types[:0] = [item.type for item in items]
        self._conversations[:0] = [item.conversation for item in items]
        self._frames[:0] = [item.frame for item in items]
        self.ended = self.ended or any(item.type == RUN_ENDED for item in items)

    def index_after(self, sequence: int) -> int:
        """The index of the first event above `sequence`."""
        return self._first + bisect_right(self._sequences, sequence)

    def items(self, index: int) -> list[Item]:
        """Every event from `index` on."""
        at = index - self._first
        columns = (self._sequences[at:], self._types[at:], self._conversations[at:], self._frames[at:])
        return [Item(*event) for event in zip(*columns, strict=True)]

    def block(self, index: int, wanted: EventFilter) -> Block:
        """What follows `index`, as far as it fits one write. Readers that stand together share its bytes."""
        key = (index, self.end, wanted)
        if self._latest is not None and self._latest[0] == key:
            return self._latest[1]
        start = index - self._first
        stop = self._stop(start)
        frames = self._frames[start:stop] if wanted.everything else self._shown(start, stop, wanted)
        block = Block(b"".join(frames), self._first + stop, self._sequences[stop - 1])
        self._latest = (key, block)
        return block

    def _shown(self, start: int, stop: int, wanted: EventFilter) -> list[bytes]:
        return [self._frames[at] for at in range(start, stop) if wanted.shows(self._types[at], self._conversations[at])]

    def _stop(self, start: int) -> int:
        """The position after the last event of a block that starts at `start`: at least one event."""
        total = 0
        for at in range(start, len(self._frames)):
            total += len(self._frames[at])
            if total > BLOCK_BYTES:
                return max(at, start + 1)
        return len(self._frames)

    def trim(self, bytes_kept: int) -> None:
        """Drops the oldest events until the others have at most so many bytes, but for the last one."""
        events_kept = int(self._most_events * KEPT_WHEN_TRIMMED)
        dropped = max(0, len(self._frames) - max(1, events_kept))
        left = self._bytes - sum(map(len, self._frames[:dropped]))
        while left > bytes_kept and dropped < len(self._frames) - 1:
            left -= len(self._frames[dropped])
            dropped += 1
        if dropped == 0:
            return
        self.base = self._sequences[dropped - 1]
        self._first += dropped
        self._bytes = left
        self._latest = None
        del self._sequences[:dropped]
        del self._types[:dropped]
        del self._conversations[:dropped]
        del self._frames[:dropped]
