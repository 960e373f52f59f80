"""The turn protocol under a hostile system, on the product's own code (docs/protocol.md, all of it).

A Hypothesis state machine plays one run over two orchestrators, two llm-runners and a summarizer: their real handlers,
looks, effects, decisions, outcomes, settlements and repositories. Only the driver of the store, the broker's client,
the provider and time itself are replaced (documents.py, broker.py, services.py, loops.py). Between any two outside
effects a process can be killed, frozen, or have its answer lost; messages come late, twice, in any order, or are gone.
At the end all faults stop, the system runs until it is quiet, and E1 to E9 and E11 are asserted by name.

    pytest tests/model                                                 150 histories, always the same ones
    MODEL_HISTORIES=20000 pytest tests/model/test_protocol.py          new ones, as many as are asked for

test_every_effect.py beside it puts one fault at every effect of one run, without chance; test_chat.py does both with
chats. Not covered: the gateway's streams, and a provider's concurrency over replicas (tests/chaos).
"""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from model.loops import Process
from model.services import OUTCOMES
from model.system import CREW, System
from model.verdict import judge
from model.virtual_time import virtual_time
from shared.contracts.enums import RunKind, Side, Wanted
from shared.contracts.settings import GivenMessage
from support.builders import DOLLAR, JUDGE, scenario

HISTORIES = int(os.environ.get("MODEL_HISTORIES", "150"))
STEPS = 40
TIMES = (16.0, 0.3, 6.0, 16.0, 40.0, 400.0, 1000.0)
FATES = ("finish", "finish", "finish", "finish", "stay", "kill", "kill late", "freeze", "lost", "refused")
TROUBLES = ("control", "freeze", "loss", "repeat", "fault", "restart")
JUDGES = (None, JUDGE, JUDGE.model_copy(update={"strong_model": "demo-premium"}))
OPENING = (GivenMessage(side=Side.OPPONENT, content="good day"),)

SHIFTS = st.tuples(
    st.sampled_from((0, 0, 0, 1, 2)),
    st.integers(0, 1),
    st.integers(0, 14),
    st.sampled_from(FATES),
    st.sampled_from(OUTCOMES),
)
"""Which message, who takes it, for how many effects, what befalls the process then, how a model answers."""


class Protocol(RuleBasedStateMachine):
    """One history."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: set[str] = set()
        self.system = self.make_world()
        self._time = virtual_time(self.system.clock, self.system.new_attempt)
        self._time.__enter__()
        self.system.open()

    def make_world(self) -> System:
        return System()

    def verdict(self) -> None:
        judge(self.system)

    @initialize(
        total=st.integers(1, 3),
        concurrency=st.integers(1, 2),
        limit=st.integers(2, 4),
        judge=st.sampled_from(JUDGES),
        given=st.sampled_from(((), OPENING)),
        budget=st.sampled_from((DOLLAR, 1_000_000, 2_500_000)),
        kind=st.sampled_from((RunKind.SCALE, RunKind.BATTLE)),
        seconds=st.sampled_from((600.0, 600.0, 30.0)),
        troubles=st.sets(st.sampled_from(TROUBLES)),
    )
    def start(
        self,
        total: int,
        concurrency: int,
        limit: int,
        judge: Any,
        given: Any,
        budget: int,
        kind: RunKind,
        seconds: float,
        troubles: set[str],
    ) -> None:
        self.troubles = troubles
        played = scenario(limit, judge, given, time_limit_seconds=seconds)
        self.system.start_run(total=total, concurrency=concurrency, played=played, budget_nanos=budget, kind=kind)

    @rule(shifts=st.lists(SHIFTS, min_size=1, max_size=5))
    def work(self, shifts: list[tuple[int, int, int, str, str]]) -> None:
        for shift in shifts:
            self._shift(*shift)

    def _shift(self, which: int, who: int, count: int, fate: str, outcome: str) -> None:
        """A process takes a message, or goes on with what it holds, for so many effects; then its fate meets it."""
        system = self.system
        messages = system.deliverable()
        if messages:
            message = messages[min(which, len(messages) - 1)]
            takers = system.takers(message)
            process = takers[who % len(takers)]
            system.deliver(message, process)
        else:
            process = system.crew[("r1", "r2", "o1", "o2", "s1")[(which + who) % 5]]
        self._effects(process, 80 if fate == "finish" else count, outcome)
        self._meet(process, fate)

    def _effects(self, process: Process, count: int, outcome: str) -> None:
        for _ in range(count):
            if not process.running or not process.operations:
                return
            self.system.perform(process, process.operations[0], outcome)

    def _meet(self, process: Process, fate: str) -> None:
        if fate in ("kill", "kill late"):
            self.system.kill(process, effect_happens=int(fate == "kill late"))
        elif fate == "freeze" and "freeze" in self.troubles and process.running:
            self.system.freeze(process)
        elif fate in ("lost", "refused") and "fault" in self.troubles and process.operations:
            self.system.perform(process, process.operations[0], fault=fate)

    @rule(count=st.integers(1, 6), outcome=st.sampled_from(OUTCOMES))
    def go_well(self, count: int, outcome: str) -> None:
        """Some messages are delivered and handled to their end."""
        system = self.system
        for turn in range(count):
            messages = [one for one in system.deliverable() if any(two.running for two in system.takers(one))]
            if not messages:
                return
            takers = [one for one in system.takers(messages[0]) if one.running]
            process = takers[turn % len(takers)]
            system.deliver(messages[0], process)
            self._effects(process, 80, outcome if turn == 0 else "good")

    @rule(who=st.sampled_from(tuple(CREW)), which=st.integers(0, 3), outcome=st.sampled_from(OUTCOMES))
    def effect(self, who: str, which: int, outcome: str) -> None:
        """One effect of a process that has several under way, in any order."""
        process = self.system.crew[who]
        if process.operations:
            self.system.perform(process, process.operations[min(which, len(process.operations) - 1)], outcome)

    @precondition(lambda self: any(one.frozen for one in self.system.crew.values()))
    @rule(which=st.integers(0, 3))
    def kill_frozen(self, which: int) -> None:
        frozen = [one for one in self.system.crew.values() if one.frozen]
        self.system.kill(frozen[which % len(frozen)])

    @precondition(lambda self: any(one.frozen for one in self.system.crew.values()))
    @rule(which=st.integers(0, 3))
    def wake(self, which: int) -> None:
        frozen = [one for one in self.system.crew.values() if one.frozen]
        self.system.wake(frozen[which % len(frozen)])

    @rule(seconds=st.sampled_from(TIMES))
    def wait(self, seconds: float) -> None:
        self.system.advance(seconds)

    @precondition(lambda self: "control" in self.troubles)
    @rule(
        wanted=st.sampled_from((Wanted.PAUSE, Wanted.RUN, Wanted.CANCEL)), told=st.booleans(), signalled=st.booleans()
    )
    def control(self, wanted: Wanted, told: bool, signalled: bool) -> None:
        self.system.control(wanted, told=told, signalled=signalled)

    @rule(who=st.sampled_from(("o1", "o2")))
    def sweep(self, who: str) -> None:
        self.system.sweep(self.system.crew[who])

    @precondition(lambda self: "repeat" in self.troubles and self.system.broker.work.messages)
    @rule(which=st.integers(0, 5))
    def repeat(self, which: int) -> None:
        messages = self.system.broker.work.messages
        self.system.repeat(messages[min(which, len(messages) - 1)])

    @precondition(lambda self: "loss" in self.troubles and self.system.broker.work.messages)
    @rule(and_memory=st.booleans())
    def lose_work(self, and_memory: bool) -> None:
        self.system.lose_work(and_memory=and_memory)

    @precondition(lambda self: "restart" in self.troubles)
    @rule()
    def restart_broker(self) -> None:
        self.system.restart_broker()

    def teardown(self) -> None:
        try:
            if self.system.run_id:
                self.system.until_quiet()
                self.verdict()
        finally:
            self.system.bury()
            self._time.__exit__(None, None, None)


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize="MODEL_HISTORIES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    print_blob=False,
)
