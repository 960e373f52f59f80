"""What stands in a job's place, and which messages it may see."""

import time
from typing import Any

import pytest

from llm_runner.call_deadline import Interruption
from llm_runner.leased_jobs import LeasedJob, LeasedJobs
from llm_runner.results import done, failed_generation, seen_messages, standing
from shared.contracts.enums import EntryKind, Lane, Purpose
from shared.contracts.transcript import Failure
from shared.messaging.deliveries import Delivery
from support.builders import ended, job, message

ONE, TWO = message("run-1", 1), message("run-1", 2)
END = ended("run-1", 3)
REWIND = message("run-1", 3, kind=EntryKind.REWIND, side=None, content="", rewind_to=1)
FAILED = failed_generation(job("run-1", 2, Purpose.TURN), "default", Failure(code="provider_error", message="no"))


@pytest.mark.parametrize(
    ("purpose", "seq", "entries", "seen"),
    [
        (Purpose.TURN, 1, [], 0),
        (Purpose.TURN, 3, [ONE, TWO], 2),
        (Purpose.TURN, 3, [TWO], None),
        (Purpose.TURN, 3, [ONE], None),
        (Purpose.JUDGE, 2, [ONE, TWO], 2),
        (Purpose.JUDGE, 2, [ONE], None),
        (Purpose.JUDGE, 1, [ONE, TWO, END], 1),
        (Purpose.REPORT, 0, [], 0),
    ],
)
def test_a_job_sees_what_came_before_it_or_waits(purpose: Purpose, seq: int, entries: Any, seen: int | None) -> None:
    found = seen_messages(job("run-1", seq, purpose), entries)
    assert (found if found is None else len(found)) == seen


def test_what_was_taken_back_is_not_seen_but_stands() -> None:
    """Message 1, its answer, a rewind to 1: the next answer, 4, is made of 1 alone; of nothing while 3 is missing."""
    asked = job("run-1", 4, Purpose.CHAT, conversation_id="run")
    entries = [ONE, TWO, REWIND]
    assert seen_messages(asked, entries) == [ONE]
    assert seen_messages(asked, [ONE, TWO]) is None


def test_a_rewind_in_its_place_makes_an_answer_pointless() -> None:
    found = standing(job("run-1", 3, Purpose.CHAT), [ONE, TWO, REWIND], None)
    assert (found.result, found.settled) == (None, True)


def test_a_message_outranks_a_failure_stored_beside_it() -> None:
    assert standing(job("run-1", 2, Purpose.TURN), [ONE, TWO], FAILED).result is TWO


def test_a_failure_is_the_result_where_no_message_stands() -> None:
    assert standing(job("run-1", 2, Purpose.TURN), [ONE], FAILED).result is FAILED


@pytest.mark.parametrize(("pass_number", "settled"), [(0, True), (1, False)])
def test_an_end_makes_a_job_pointless_but_for_a_later_pass(pass_number: int, settled: bool) -> None:
    asked = job("run-1", 2, Purpose.JUDGE, pass_number=pass_number)
    assert standing(asked, [ONE, TWO, END], None).settled is settled


def test_a_done_proves_the_sum_up_to_its_message() -> None:
    told = done(job("run-1", 2, Purpose.TURN), TWO, [ONE, TWO, message("run-1", 3)], first=True, event_sequence=7)
    assert told.transcript_usage == ONE.usage + TWO.usage
    assert (told.stored_at, told.first, told.event_sequence) == (TWO.created_at, True, 7)


def test_a_done_tells_of_a_message_up_to_it_that_is_another_models() -> None:
    other, given = (ONE.model_copy(update={"substituted": True, "inherited": kept}) for kept in (False, True))
    asked = job("run-1", 2, Purpose.TURN)
    assert done(asked, TWO, [other, TWO], first=True).substituted
    assert done(asked, TWO.model_copy(update={"substituted": True}), [ONE], first=True).substituted
    assert not done(asked, TWO, [given, TWO], first=True).substituted


class _Message:
    class metadata:  # noqa: N801 - as nats-py names it
        num_delivered = 1

    async def in_progress(self) -> None:
        return


def _held(ack_wait: float = 15.0, first: bool = True, **fields: Any) -> LeasedJob:
    delivery = Delivery(_Message(), first)  # type: ignore[arg-type] # a fake
    return LeasedJob(delivery, job("run-1", 1, Purpose.TURN, **fields), ack_wait, 330.0)


def test_a_holder_that_was_silent_for_too_long_has_lost_its_job() -> None:
    held = _held()
    assert not held.lost
    held.last_sign = time.monotonic() - 16
    assert held.lost


@pytest.mark.parametrize(
    ("fields", "repeated"),
    [({}, False), ({"first": False}, True), ({"repeat": True}, True), ({"hop": 1}, True), ({"replay": 1}, True)],
)
def test_a_first_delivery_has_no_past(fields: dict[str, Any], repeated: bool) -> None:
    assert _held(**fields).repeated is repeated


def test_a_question_is_in_no_job_that_is_told_of_or_put_off() -> None:
    held = _held(question=ONE)
    assert held.question == ONE
    assert held.job == _held(at=held.job.at, first_job_at=held.job.first_job_at).job


def test_the_first_reason_to_interrupt_stands() -> None:
    held = _held()
    held.interrupt(Interruption.CANCELED)
    held.interrupt(Interruption.HANDED_OVER)
    assert held.interruption is Interruption.CANCELED


def test_jobs_are_found_by_run_and_lane_until_they_are_settled() -> None:
    jobs, held = LeasedJobs(), _held()
    jobs.add(held)
    assert (jobs.of_run("run"), jobs.of_lane(Lane.BATCH), jobs.of_lane(Lane.LIVE)) == ((held,), [held], [])
    jobs.remove(held)
    assert (jobs.of_run("run"), list(jobs), jobs.count) == ((), [], 0)
