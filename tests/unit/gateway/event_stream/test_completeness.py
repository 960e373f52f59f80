"""What is complete, and what is missing (docs/architecture.md, "Event streams in the gateway")."""

from gateway.event_stream.log.completeness import Completeness
from gateway.event_stream.log.events import DELTA, StreamEvent
from shared.contracts import subjects
from unit.gateway.event_stream.memory_source import RUN, WHOLE


def event(sequence: int, previous: int) -> StreamEvent:
    return StreamEvent(sequence, subjects.events(RUN), previous, "message", None, b"{}")


def delta(sequence: int, previous: int, conversation: str = f"{RUN}-1") -> StreamEvent:
    return StreamEvent(sequence, subjects.text(RUN, conversation), previous, DELTA, conversation, b"{}")


def test_what_follows_on_its_own_subject_has_no_hole_before_it() -> None:
    completeness = Completeness(WHOLE, 4)
    assert not completeness.hole_before(event(9, 4))
    completeness.append(event(9, 4))
    assert not completeness.hole_before(delta(10, 3))
    completeness.append(delta(10, 3))
    assert not completeness.hole_before(event(12, 9))
    assert (completeness.position, completeness.of_events) == (10, 9)


def test_event_that_is_missing_is_a_hole_wherever_it_stands() -> None:
    completeness = Completeness(WHOLE, 4)
    completeness.append(delta(7, 0))
    assert completeness.hole_before(event(8, 6))
    assert completeness.hole_before(event(9, 8))


def test_delta_that_is_missing_is_a_hole_only_above_what_readers_have() -> None:
    completeness = Completeness(WHOLE, 4)
    completeness.append(event(7, 4))
    assert not completeness.hole_before(delta(8, 6))
    assert completeness.hole_before(delta(10, 9))


def test_late_event_is_missing_once_and_a_late_delta_never() -> None:
    completeness = Completeness(WHOLE, 4)
    completeness.append(delta(7, 0))
    assert not completeness.takes_late(delta(6, 0, f"{RUN}-2"))
    assert completeness.takes_late(event(5, 4))
    assert not completeness.takes_late(event(5, 4))
    assert not completeness.takes_late(event(4, 0))


def test_what_was_read_or_given_up_is_complete_on_every_subject() -> None:
    completeness = Completeness(WHOLE, 0)
    completeness.read(9)
    assert not completeness.hole_before(delta(11, 9))
    completeness.read(8)  # a replica that lags
    assert (completeness.position, completeness.of_events) == (9, 9)
    completeness.skip(12)
    assert not completeness.hole_before(event(14, 12))
