"""What is kept of transcripts: true beginnings, and not too much of them."""

from datetime import UTC, datetime
from sys import getsizeof

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.enums import EntryKind, Side
from shared.contracts.transcript import Entry
from shared.storage.transcript_cache import ENTRY_BYTES, TranscriptCache

TEXT_BYTES = getsizeof("x" * 100)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def _entries(conversation: str, *seqs: int) -> list[Entry]:
    return [
        Entry(
            conversation_id=conversation,
            run_id="r",
            tenant="default",
            seq=seq,
            kind=EntryKind.MESSAGE,
            created_at=MOMENT,
            side=Side.AGENT,
            content="x" * 100,
        )
        for seq in seqs
    ]


def _seqs(known: TranscriptCache, conversation: str) -> list[int]:
    return [entry.seq for entry in known.beginning(conversation)]


@given(reads=st.lists(st.integers(0, 12), max_size=8))
def test_reads_in_any_order_leave_the_longest_beginning(reads: list[int]) -> None:
    known = TranscriptCache()
    for length in reads:
        known.keep("a", _entries("a", *range(1, length + 1)))
    assert _seqs(known, "a") == list(range(1, max(reads, default=0) + 1))


def test_nothing_behind_a_hole_is_kept() -> None:
    known = TranscriptCache()
    known.keep("a", _entries("a", 1, 2, 4, 5))
    assert _seqs(known, "a") == [1, 2]
    known.keep("a", _entries("a", 1, 2, 3, 4, 5))
    assert _seqs(known, "a") == [1, 2, 3, 4, 5]


@given(order=st.permutations(range(1, 7)))
def test_entries_that_come_one_by_one_are_kept_where_they_follow(order: list[int]) -> None:
    known = TranscriptCache()
    for seq in order:
        known.add(*_entries("a", seq))
    followed = 0
    for seq in order:
        followed = seq if seq == followed + 1 else followed
    assert _seqs(known, "a") == list(range(1, followed + 1))


def test_what_was_read_longest_ago_is_dropped_first() -> None:
    known = TranscriptCache(most_bytes=2 * (ENTRY_BYTES + TEXT_BYTES))
    for conversation in ("a", "b", "a", "c"):
        known.keep(conversation, _entries(conversation, 1))
    assert [_seqs(known, conversation) for conversation in "abc"] == [[1], [], [1]]
    known.keep("d", _entries("d", 1, 2, 3))
    assert [_seqs(known, conversation) for conversation in "abcd"] == [[], [], [], []]


def test_what_is_forgotten_leaves_room() -> None:
    known = TranscriptCache(most_bytes=ENTRY_BYTES + TEXT_BYTES)
    known.keep("a", _entries("a", 1))
    known.forget("a")
    known.keep("b", _entries("b", 1))
    assert (_seqs(known, "a"), _seqs(known, "b")) == ([], [1])
