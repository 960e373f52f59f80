"""One fault at every outside effect of a whole run: killed before it, right after it, frozen there, its answer lost.

What test_protocol.py finds by chance in long histories is done here without chance in short ones: the run of each
history is played without haste, effect by effect, and at its k-th effect one fault meets whoever makes it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from model.loops import Operation, Process
from model.system import System
from model.verdict import judge
from model.virtual_time import virtual_time
from shared.contracts.enums import RunKind, Wanted
from shared.contracts.transcript import Usage
from support.builders import DOLLAR, JUDGE, scenario, usage_row

EFFECTS_MOST = 400
# A judged run differs in a third of its effects: all of it is played where many histories are asked for.
JUDGED_STRIDE = 1 if "MODEL_HISTORIES" in os.environ else 3
FROZEN_SECONDS = 20.0
FORGOTTEN_SECONDS = 1000.0
QUEUED_SECONDS = 700.0
BOOKED = Usage(prompt_tokens=3, completion_tokens=2, cost_nanos=5)
Fault = Callable[[System, Process, Operation], None]


@contextmanager
def begun(judged: bool = False, budget: int = DOLLAR) -> Iterator[System]:
    """A system whose run has been asked for."""
    system = System()
    with virtual_time(system.clock, system.new_attempt):
        try:
            system.open()
            played = scenario(2, JUDGE if judged else None)
            system.start_run(total=1, concurrency=1, played=played, kind=RunKind.SCALE, budget_nanos=budget)
            yield system
        finally:
            system.bury()


def play(system: System, fault: Fault | None = None, at: int = 0) -> list[str]:
    """Plays until nothing is left to do at once; the `at`-th effect meets `fault`. Returns whose effects it took."""
    effects: list[str] = []
    for count in range(EFFECTS_MOST):
        waiting = [one for one in system.waiting() if one[0].running]
        if not waiting:
            messages = [one for one in system.deliverable() if any(two.running for two in system.takers(one))]
            if not messages:
                return effects
            system.deliver(messages[0], next(one for one in system.takers(messages[0]) if one.running))
            waiting = [one for one in system.waiting() if one[0].running]
        effects.append(f"{waiting[0][0].role}: {waiting[0][1].name}")
        if fault is not None and count == at:
            system.met_at = f"{waiting[0][0].name}: {waiting[0][1].name}"
            fault(system, *waiting[0])
        else:
            system.perform(*waiting[0])
    raise AssertionError("E1: a run without faults never comes to rest")


def killed_before(system: System, process: Process, operation: Operation) -> None:
    system.kill(process)


def killed_after(system: System, process: Process, operation: Operation) -> None:
    if operation.name != "model":
        system.perform_unheard(process, operation)
    system.kill(process)


def frozen_before(system: System, process: Process, operation: Operation) -> None:
    """Its request never left; its message is somebody else's before it wakes."""
    system.freeze(process)
    kept, process.operations = process.operations, []
    system.advance(FROZEN_SECONDS)
    play(system)
    process.operations = kept
    system.wake(process)


def frozen_after(system: System, process: Process, operation: Operation, more_seconds: float = 0.0) -> None:
    """The answer waits for it while its message becomes somebody else's."""
    system.freeze(process)
    system.perform(process, operation)
    system.advance(FROZEN_SECONDS)
    play(system)
    system.advance(more_seconds)
    system.wake(process)


def frozen_for_long(system: System, process: Process, operation: Operation) -> None:
    """Until the streams have forgotten which ids they hold."""
    frozen_after(system, process, operation, FORGOTTEN_SECONDS)


def killed_with_the_broker(system: System, process: Process, operation: Operation) -> None:
    """A broker that lost its durables' state takes what comes again for what comes first."""
    system.kill(process)
    system.restart_broker()


def killed_for_long(system: System, process: Process, operation: Operation) -> None:
    """What it held comes again when the streams have forgotten which ids they hold."""
    system.kill(process, effect_happens=1)
    system.advance(FORGOTTEN_SECONDS)


def answer_lost(system: System, process: Process, operation: Operation) -> None:
    system.perform(process, operation, fault="lost")


def refused(system: System, process: Process, operation: Operation) -> None:
    system.perform(process, operation, fault="refused")


def canceled(system: System, process: Process, operation: Operation) -> None:
    """A cancel is wanted just then, and the process dies of something else."""
    system.control(Wanted.CANCEL, told=True, signalled=False)
    system.kill(process)


def paused(system: System, process: Process, operation: Operation) -> None:
    system.control(Wanted.PAUSE, told=True, signalled=True)
    play(system)
    system.control(Wanted.RUN, told=True, signalled=True)


def row_booked(system: System, process: Process, operation: Operation) -> None:
    named: dict[str, Any] = {"id": "zombie", "conversation_id": "run-1", "created_at": system.clock.now()}
    row = usage_row("run", "run-1:1:turn", usage=BOOKED, **named)
    system.hand.do(system.store.usage.insert(row))
    system.perform(process, operation)


FAULTS = (
    killed_before,
    killed_after,
    killed_for_long,
    killed_with_the_broker,
    frozen_before,
    frozen_after,
    frozen_for_long,
    answer_lost,
    refused,
    canceled,
    paused,
)


@pytest.mark.parametrize("judged", [False, True], ids=["plain", "judged"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_at_every_effect(fault: Fault, judged: bool) -> None:
    with begun(judged) as system:
        effects = len(play(system))
        system.until_quiet()
        judge(system)
    assert effects > 20
    stride = JUDGED_STRIDE if judged else 1
    for at in range(FAULTS.index(fault) % stride, effects, stride):
        with begun(judged) as system:
            try:
                play(system, fault, at)
                system.until_quiet()
                judge(system)
            except AssertionError as error:
                told = f"{fault.__name__} at effect {at} of {effects}, {system.met_at}"
                raise AssertionError(f"{told}: {error}") from error


def test_look_that_ends_a_conversation_closes_it_by_what_it_knows() -> None:
    """Only what is booked is read after the end; the run's account is not told twice."""
    with begun() as system:
        effects = play(system)
    end = effects.index("orchestrator: insert entries")
    closing = effects[end + 1 : effects.index("orchestrator: publish run-1:ended")]
    reads = ["orchestrator: find usage", "orchestrator: find generations"]
    assert closing == [*reads, "orchestrator: update conversations"]


def test_row_booked_before_the_end_is_counted_with_the_conversation() -> None:
    """A zombie's cost, whose done nobody needs, stands there when the look inserts the end."""
    with begun() as system:
        at = play(system).index("orchestrator: insert entries")
    with begun() as system:
        play(system, row_booked, at)
        system.until_quiet()
        entries = system.hand.do(system.store.entries.transcript("run-1"))
        conversation = system.hand.do(system.store.conversations.get("run-1"))
        assert conversation.usage == sum((entry.usage for entry in entries), BOOKED)
        judge(system)


def test_work_that_waits_for_long_is_left_alone() -> None:
    """Nobody takes a job for longer than any turn lasts: sweepers see it queued, and publish nothing."""
    with begun() as system:
        for _ in range(EFFECTS_MOST):
            waiting = system.waiting()
            messages = [one for one in system.deliverable() if one.subject != "llm.do.demo.batch"]
            if waiting:
                system.perform(*waiting[0])
            elif messages:
                system.deliver(messages[0], system.takers(messages[0])[0])
            else:
                break
        system.advance(QUEUED_SECONDS)
        system.sweep(system.crew["o1"])
        system.until_quiet()
        judge(system)
