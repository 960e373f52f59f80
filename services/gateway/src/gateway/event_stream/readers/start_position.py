"""Where a reader's stream begins: decided from what it asked, the run and the stream, without reading either."""

from dataclasses import dataclass

from gateway.event_stream.log.cursors import Cursor, run_tag
from gateway.event_stream.log.source import StreamState
from gateway.event_stream.readers.stream_request import StreamRequest
from shared.contracts.runs import Run


@dataclass(frozen=True, slots=True)
class After:
    """With the event after `sequence`; after 0 it must be `run.started`, else history is gone."""

    sequence: int


@dataclass(frozen=True, slots=True)
class WithSnapshot:
    """With how things stand, and what happens from then on."""


StartPosition = After | WithSnapshot


def start_position(asked: StreamRequest, run_id: str, event_sequence: int, state: StreamState) -> StartPosition:
    """Where a stream of a run begins whose last fact stands at `event_sequence`.

    A cursor of another epoch or run, one of the future, and one whose next events the stream has dropped already
    begin with a snapshot.
    """
    cursor = asked.cursor
    if asked.foreign:
        return WithSnapshot()
    if cursor is None:
        return After(0) if asked.begins == "start" else WithSnapshot()
    if cursor.epoch != state.epoch or cursor.tag != run_tag(run_id) or cursor.sequence > state.last:
        return WithSnapshot()
    # Sequences are the whole stream's: what was dropped above the cursor may all have been other runs'.
    dropped = state.first > cursor.sequence + 1 and event_sequence > cursor.sequence
    return WithSnapshot() if dropped else After(cursor.sequence)


def is_at_end(cursor: Cursor | None, run: Run, epoch: str) -> bool:
    """Whether the reader has a run's last event: its reconnect is answered 204."""
    if cursor is None or run.end_sequence is None:
        return False
    return cursor.epoch == epoch and cursor.tag == run_tag(run.id) and cursor.sequence >= run.end_sequence
