"""Cursors, frames, and where a stream begins."""

from collections.abc import AsyncIterator

import pytest

from gateway.event_stream.log.cursors import Cursor, read_cursor, run_tag
from gateway.event_stream.log.events import EVERYTHING, LogScope
from gateway.event_stream.log.frames import EventEncoder, named, unnamed
from gateway.event_stream.log.source import StreamState, in_order
from gateway.event_stream.readers.snapshot import snapshot_position
from gateway.event_stream.readers.start_position import After, StartPosition, WithSnapshot, is_at_end, start_position
from gateway.event_stream.readers.stream_request import StreamRequest
from shared.contracts.enums import RunStatus
from shared.messaging.history import StoredMessage
from unit.gateway.event_stream.memory_source import EPOCH, a_run

TAG = run_tag("run1")


def asked(cursor: Cursor | None = None, foreign: bool = False, now: bool = False) -> StreamRequest:
    return StreamRequest(EVERYTHING, cursor, foreign, "now" if now else "start")


def cursor(sequence: int, epoch: str = EPOCH, tag: str = TAG) -> Cursor:
    return Cursor(epoch, tag, sequence)


@pytest.mark.parametrize(
    ("question", "beginning"),
    [
        (asked(), After(0)),
        (asked(now=True), WithSnapshot()),
        (asked(foreign=True), WithSnapshot()),
        (asked(cursor(70)), After(70)),
        (asked(cursor(70), now=True), After(70)),
        (asked(cursor(101)), WithSnapshot()),
        (asked(cursor(70, epoch="def")), WithSnapshot()),
        (asked(cursor(70, tag=run_tag("run2"))), WithSnapshot()),
    ],
)
def test_beginning_follows_from_what_was_asked(question: StreamRequest, beginning: StartPosition) -> None:
    assert start_position(question, "run1", 80, StreamState(EPOCH, first=1, last=100)) == beginning


@pytest.mark.parametrize(
    ("event_sequence", "beginning"),
    [(80, WithSnapshot()), (40, After(40))],
)
def test_cursor_below_what_is_kept_is_good_only_if_nothing_of_the_run_was_dropped(
    event_sequence: int, beginning: StartPosition
) -> None:
    assert (
        start_position(asked(cursor(40)), "run1", event_sequence, StreamState(EPOCH, first=60, last=100)) == beginning
    )


@pytest.mark.parametrize(
    ("at", "end", "epoch", "over"),
    [
        (90, 90, EPOCH, True),
        (95, 90, EPOCH, True),
        (89, 90, EPOCH, False),
        (90, None, EPOCH, False),
        (90, 90, "x", False),
    ],
)
def test_reader_is_at_the_end_with_the_run_s_last_event(at: int, end: int | None, epoch: str, over: bool) -> None:
    assert is_at_end(cursor(at), a_run(end_sequence=end), epoch) is over


@pytest.mark.parametrize("written", ["", None, "x", "1-2-3", "abc-0a0b0c0d-", "abc-0a0b0c0d--1", "abc-0a0b0c0d-1 "])
def test_what_we_never_wrote_is_no_cursor(written: str | None) -> None:
    assert read_cursor(written) is None


def test_cursor_survives_being_written() -> None:
    assert read_cursor(str(cursor(7))) == cursor(7)
    assert read_cursor(EventEncoder(EPOCH, "run1").identity(7)) == cursor(7)


def test_event_is_one_frame_with_id_type_and_one_line_of_data() -> None:
    frame = EventEncoder(EPOCH, "run1").event(7, "message", b'{"a":\n1}')
    assert frame == f'id: {EPOCH}-{TAG}-7\nevent: message\ndata: {{"a": 1}}\n\n'.encode()
    assert named("token", b"{}") == b"event: token\ndata: {}\n\n"
    assert unnamed(b"{}", "s-1") == b"id: s-1\ndata: {}\n\n"


@pytest.mark.parametrize(
    ("status", "end", "position"),
    [
        (RunStatus.RUNNING, None, 50),
        (RunStatus.COMPLETE, 50, 50),
        (RunStatus.COMPLETE, 70, 70),
        (RunStatus.COMPLETE, None, 49),
    ],
)
def test_snapshot_goes_on_after_what_it_holds(status: RunStatus, end: int | None, position: int) -> None:
    assert snapshot_position(a_run(status=status, end_sequence=end), up_to=50) == position


def test_views_follow_what_is_watched() -> None:
    small, large = a_run(total=64), a_run(total=65)
    assert LogScope.of(small, None).live == ["ev.run1.>"]
    assert LogScope.of(small, "run1-2") == LogScope.of(small, None)
    assert LogScope.of(large, None).live == ["ev.run1.events"]
    assert LogScope.of(large, "run1-2").live == ["ev.run1.events", "ev.run1.text.run1-2"]


async def test_reads_of_two_subjects_are_merged_in_the_order_of_the_stream() -> None:
    async def read(*sequences: int) -> AsyncIterator[StoredMessage]:
        for sequence in sequences:
            yield StoredMessage(sequence, "s", b"", None)

    merged = [stored.sequence async for stored in in_order([read(1, 4, 5), read(2, 3, 9), read()])]
    assert merged == [1, 2, 3, 4, 5, 9]
