"""Beginnings of transcripts, kept in process: what stands in a transcript never changes, so of one that was read before
only what follows has to be read (docs/protocol.md section 1: the transcript is the log).
"""

from collections import OrderedDict
from collections.abc import Sequence
from sys import getsizeof

from shared.bounded_cache import held_bytes
from shared.contracts.transcript import Entry

KEPT_BYTES = 32 * 1024 * 1024
ENTRY_BYTES = 2_000
"""What an entry holds beside its texts, about."""


class TranscriptCache:
    """Those that were read last, as far as they had come; at most about `most_bytes` of them."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._known: OrderedDict[str, list[Entry]] = OrderedDict()

    def beginning(self, conversation: str) -> list[Entry]:
        """The entries of seq 1 to some seq; not to be changed."""
        return self._known.get(conversation, [])

    def keep(self, conversation: str, transcript: Sequence[Entry]) -> None:
        """Remembers a transcript as it was read, up to its first hole: what is missing may yet come."""
        known = self.beginning(conversation)
        unknown = transcript[len(known) :]
        whole = [entry for seq, entry in enumerate(unknown, len(known) + 1) if entry.seq == seq]
        if whole:
            self._known[conversation] = [*known, *whole]
            self._bytes += sum(map(_size, whole))
        if conversation in self._known:
            self._known.move_to_end(conversation)
        while self._bytes > self._most_bytes:
            self.forget(next(iter(self._known)))

    def add(self, entry: Entry) -> None:
        """Remembers an entry that stands, where it follows what is known."""
        known = self.beginning(entry.conversation_id)
        if entry.seq == len(known) + 1:
            self.keep(entry.conversation_id, [*known, entry])

    def forget(self, conversation: str) -> None:
        """Nothing is known of it any more."""
        self._bytes -= sum(map(_size, self._known.pop(conversation, ())))


def _size(entry: Entry) -> int:
    """In memory: a letter takes up to four bytes."""
    attached = (entry.tool_calls, entry.tool_results, entry.parts)
    text = getsizeof(entry.content or "") - getsizeof("")
    return ENTRY_BYTES + text + (held_bytes(*attached) if any(attached) else 0)
