"""The bounded log readers hold an index into."""

from gateway.event_stream.log.events import EVERYTHING, EventFilter
from gateway.event_stream.log.ring import BLOCK_BYTES, Item, Ring

MESSAGES = EventFilter(types=frozenset({"message"}))


def ring_of(count: int, most_events: int = 100, most_bytes: int = 1_000_000, size: int = 10) -> Ring:
    ring = Ring(0, most_bytes, most_events)
    for sequence in range(1, count + 1):
        kind = "delta" if sequence % 2 else "message"
        ring.append(Item(sequence * 10, kind, f"run-{sequence % 3}", f"{sequence:03d}".encode().ljust(size, b".")))
    return ring


def test_block_holds_everything_after_an_index_in_order() -> None:
    ring = ring_of(3)
    block = ring.block(1, EVERYTHING)
    assert (block.data, block.next, block.sequence) == (b"002......." + b"003.......", 3, 30)


def test_index_after_a_sequence_is_the_next_event_even_between_two() -> None:
    ring = ring_of(3)
    assert [ring.index_after(sequence) for sequence in (0, 9, 10, 15, 20, 30, 99)] == [0, 0, 1, 1, 2, 3, 3]


def test_readers_that_stand_together_share_the_bytes_of_a_block() -> None:
    ring = ring_of(3)
    assert ring.block(0, EVERYTHING).data is ring.block(0, EVERYTHING).data


def test_single_event_is_not_copied() -> None:
    ring = Ring(0, 1000, 10)
    frame = b"one frame"
    ring.append(Item(1, "message", None, frame))
    assert ring.block(0, EVERYTHING).data is frame


def test_shared_block_grows_with_the_log() -> None:
    ring = ring_of(2)
    ring.block(0, EVERYTHING)
    ring.append(Item(30, "message", None, b"new"))
    assert ring.block(0, EVERYTHING).data.endswith(b"new")


def test_filter_hides_events_and_moves_on() -> None:
    ring = ring_of(5)
    block = ring.block(0, MESSAGES)
    assert (block.data, block.next, block.sequence) == (b"002......." + b"004.......", 5, 50)


def test_events_of_the_run_belong_to_every_conversation() -> None:
    wanted = EventFilter(conversation="run-1")
    assert [wanted.shows("message", of) for of in ("run-1", "run-2", None)] == [True, False, True]


def test_end_snapshot_and_gap_pass_every_filter() -> None:
    wanted = EventFilter(types=frozenset({"message"}), conversation="run-1")
    assert all(wanted.shows(type_, "run-2") for type_ in ("run.ended", "snapshot", "gap"))


def test_block_is_bounded_and_holds_at_least_one_event() -> None:
    ring = ring_of(5, size=BLOCK_BYTES // 2)
    assert [ring.block(index, EVERYTHING).next for index in (0, 2, 4)] == [2, 4, 5]
    large = ring_of(2, size=BLOCK_BYTES + 1)
    assert large.block(0, EVERYTHING).next == 1


def test_oldest_events_are_dropped_by_count_and_base_says_from_where_it_is_whole() -> None:
    ring = ring_of(101, most_events=100)
    assert (ring.end, ring.start, ring.base) == (101, 26, 260)
    assert ring.items(ring.start)[0].sequence == 270


def test_oldest_events_are_dropped_by_bytes() -> None:
    ring = ring_of(100, most_bytes=500)
    assert ring.size <= 500
    assert ring.base == 10 * ring.start
    assert ring.end == 100


def test_event_larger_than_the_bound_is_kept_alone() -> None:
    ring = ring_of(3, most_bytes=5)
    assert [item.sequence for item in ring.items(ring.start)] == [30]


def test_end_of_the_run_ends_the_log() -> None:
    ring = ring_of(1)
    assert not ring.ended
    ring.append(Item(20, "run.ended", None, b""))
    assert ring.ended


def before(*sequences: int) -> list[Item]:
    return [Item(sequence, "message", None, b"%03d" % sequence) for sequence in sequences]


def test_older_events_are_put_before_and_indexes_of_the_others_stay_right() -> None:
    ring = Ring(20, 1000, 100)
    ring.append(Item(25, "message", None, b"025"))
    held = ring.index_after(20)
    ring.prepend(before(11, 15), 10)
    assert (ring.base, ring.start, ring.end, ring.size) == (10, -2, 1, 9)
    assert ring.block(held, EVERYTHING).data == b"025"
    assert [ring.block(ring.index_after(after), EVERYTHING).data for after in (10, 11, 15)] == [
        b"011015025",
        b"015025",
        b"025",
    ]


def test_older_events_may_fill_half_of_the_bounds() -> None:
    ring = ring_of(3, most_events=10, most_bytes=100)
    assert ring.has_room_before(2, 20)
    assert not ring.has_room_before(3, 20)
    assert not ring.has_room_before(2, 21)


def test_what_was_put_before_is_dropped_first() -> None:
    ring = Ring(10, 1000, 4)
    ring.prepend(before(8, 9), 7)
    for sequence in (11, 12, 13):
        ring.append(Item(sequence, "message", None, b"x"))
    assert [item.sequence for item in ring.items(ring.start)] == [11, 12, 13]
    assert ring.base == 9


def test_end_of_the_run_that_is_put_before_ends_the_log() -> None:
    ring = Ring(10, 1000, 10)
    ring.prepend([Item(9, "run.ended", None, b"x")], 8)
    assert ring.ended


def test_a_ring_gives_up_its_oldest_events_where_memory_is_shared() -> None:
    ring = ring_of(10)
    ring.trim(35)
    assert (ring.size, ring.start, ring.base) == (30, 7, 70)
    ring.trim(5)
    assert (ring.size, ring.end - ring.start) == (10, 1)
