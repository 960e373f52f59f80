"""What is lost with the queue, history by history: what the store knows of is repaired, what nobody knows of is not.

Two of these were found by chance (test_chat.py). They show what the verdict grants to a lost queue, and what not.
"""

from collections.abc import Callable

import pytest

from model.broker import Stored
from model.chat import ChatSystem
from model.system import System
from model.test_chat import HELLO, HISTORY, ChatProtocol, begun
from model.test_every_effect import begun as begun_run
from model.test_every_effect import play
from model.verdict import booked, judge, judge_chat
from shared.contracts.enums import Wanted

FIRST_CALL = "attempt00001"
STEPS_MOST = 400


def step(system: System) -> None:
    """One effect happens, else one message is delivered."""
    waiting = system.waiting()
    if waiting:
        system.perform(*waiting[0])
    else:
        message = system.deliverable()[0]
        system.deliver(message, system.takers(message)[0])


def until(system: System, reached: Callable[[], bool]) -> None:
    for _ in range(STEPS_MOST):
        if reached():
            return
        step(system)
    raise AssertionError("the history never comes so far")


def call_and_die(system: System) -> None:
    """The first holder of the first job is killed while the model thinks: its call is in no document yet."""
    until(system, lambda: bool(system.ledger.calls))
    system.kill(system.ledger.calls[0].process)


def is_booked(system: System) -> bool:
    """Whether the first call is, once all is quiet and the verdict is good."""
    system.until_quiet()
    if isinstance(system, ChatSystem):
        judge_chat(system)
    else:
        judge(system)
    return FIRST_CALL in system.hand.do(booked(system))


@pytest.mark.parametrize("and_memory", [False, True], ids=["ids-known", "ids-forgotten"])
def test_a_dead_call_of_a_chat_is_booked_by_whoever_answers_after_the_loss(and_memory: bool) -> None:
    with begun() as system:
        call_and_die(system)
        system.lose_work(and_memory=and_memory)
        assert is_booked(system)


def test_a_dead_call_of_a_run_is_booked_by_whoever_goes_on_after_the_loss() -> None:
    with begun_run() as system:
        call_and_die(system)
        system.lose_work(and_memory=True)
        assert is_booked(system)


def test_a_dead_call_is_hidden_where_its_run_is_out_of_time_before_its_job_may_come_again() -> None:
    """The ids of the queue outlive it: the job that a sweep's look publishes is taken for the one that was lost."""
    with begun_run() as system:
        call_and_die(system)
        system.lose_work(and_memory=False)
        assert not is_booked(system)


def test_a_dead_call_is_hidden_where_another_job_had_answered_before_the_loss() -> None:
    """The copy of a job, as a broker that forgot its ids has one, says nothing of the dead: only the first job does."""
    with begun() as system:
        call_and_die(system)
        system.repeat(system.broker.work.messages[0])
        play(system)
        system.edit()
        system.lose_work(and_memory=False)
        assert not is_booked(system)


def test_a_dead_call_is_booked_by_its_first_job_where_another_had_answered() -> None:
    with begun() as system:
        call_and_die(system)
        system.repeat(system.broker.work.messages[0])
        play(system)
        system.edit()
        assert is_booked(system)


@pytest.mark.parametrize("canceled_first", [True, False], ids=["canceled-then-lost", "lost-then-canceled"])
def test_a_dead_call_is_hidden_where_its_run_is_canceled_about_the_loss(canceled_first: bool) -> None:
    """Nobody asks for the message again, and only who does would look for the dead."""
    with begun_run() as system:
        call_and_die(system)
        if canceled_first:
            system.control(Wanted.CANCEL, told=True, signalled=True)
            play(system)
        system.lose_work(and_memory=False)
        if not canceled_first:
            system.control(Wanted.CANCEL, told=True, signalled=True)
        assert not is_booked(system)


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "kept"])
def test_a_failed_call_that_the_store_was_away_for_is_hidden_only_with_its_job(is_lost: bool) -> None:
    """Its holder gives the job back, to be booked when it comes again."""
    with begun_run() as system:
        until(system, lambda: bool(system.ledger.calls))
        runner = system.ledger.calls[0].process
        system.perform(runner, next(one for one in runner.operations if one.name == "model"), "fails")
        (booking,) = runner.operations
        assert booking.name == "update usage"
        system.perform(runner, booking, fault="refused")
        play(system)
        if is_lost:
            system.lose_work(and_memory=False)
        assert is_booked(system) is not is_lost


def test_a_dead_call_of_a_canceled_run_is_booked_where_nothing_is_lost() -> None:
    with begun_run() as system:
        call_and_die(system)
        system.control(Wanted.CANCEL, told=True, signalled=True)
        assert is_booked(system)


def is_memory(subject: str) -> Callable[[Stored], bool]:
    return lambda one: one.subject == subject and b'"memory"' in one.data


LOST = {
    "request": lambda one: one.subject == "memory.do",
    "job": is_memory("llm.do.demo.batch"),
    "done": is_memory("llm.done.orchestrator"),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_a_lost_memory_is_asked_for_again_with_the_next_message(lost: Callable[[Stored], bool]) -> None:
    """Its chat owes nobody anything, so no sweep is for it: until then the window drops what is oldest."""
    with begun(HISTORY) as system:
        until(system, lambda: any(lost(one) for one in system.broker.work.messages))
        system.lose_work(and_memory=False)
        system.until_quiet()
        assert system.reserves()
        system.say()
        system.until_quiet()
        assert not system.reserves()
        judge_chat(system)


def test_the_slot_of_a_lost_memory_goes_with_its_chat() -> None:
    with begun(HISTORY) as system:
        until(system, lambda: any(LOST["job"](one) for one in system.broker.work.messages))
        system.lose_work(and_memory=False)
        system.control(Wanted.CANCEL, told=True, signalled=True)
        system.until_quiet()
        judge_chat(system)


def test_the_slot_of_an_answer_whose_done_is_lost_is_closed_with_the_next_message() -> None:
    """Somebody else's look has told of the answer meanwhile; found by chance (test_chat.py)."""
    state = ChatProtocol()
    system, well = state.system, (0, 0, 0, "finish", "good")
    try:
        state.start(given=HELLO, told=True, orphan_seconds=None, troubles={"freeze", "loss"})
        state.sweep("o1")
        state.wait(16.0)
        state.lose_work(and_memory=False)
        state.sweep("o1")
        state.work([well, well, well, well, (0, 0, 0, "freeze", "good")])
        state.sweep("o1")
        state.wake(0)
        state.sweep("o1")
        state.wait(16.0)
        state.work([well, well])
        state.lose_work(and_memory=False)
        system.until_quiet()
        assert system.reserves()
        system.say()
        system.until_quiet()
        assert not system.reserves()
    finally:
        state.teardown()
