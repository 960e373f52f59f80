"""The system of one history: processes, a store, a broker, a provider; faults as methods; a quiet end and a verdict.

An outside effect of a process (a store operation, a publish, an acknowledgement, a model's answer) happens only when
the system performs it, so that any of them can be a process's last, or its last for a long while.
"""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import orjson
from nats.errors import TimeoutError as NatsTimeoutError
from pymongo.errors import AutoReconnect

from model.broker import LATER, Broker, Delivery, Stored
from model.documents import empty_tables
from model.loops import Clock, Operation, Process
from model.services import Ledger, Surroundings, begin, client_of, store_of
from shared.contracts.enums import Wanted
from shared.contracts.runs import Run
from shared.contracts.work import GenerationRequested, RunCommanded
from shared.errors import Taken
from shared.messaging.publisher import Publisher
from shared.topology.streams import DUPLICATE_WINDOW_SECONDS
from support.builders import run as sample_run

CREW = {"o1": "orchestrator", "o2": "orchestrator", "r1": "runner", "r2": "runner", "s1": "summarizer"}
ROLE_OF = {
    "cmd.run": "orchestrator",
    "llm.done.orchestrator": "orchestrator",
    "llm.do.demo.batch": "runner",
    "llm.do.demo.live": "runner",
    "memory.do": "summarizer",
    "report.do": "summarizer",
    "llm.done.summarizer": "summarizer",
}
JOBS = ("llm.do.demo.batch", "llm.do.demo.live")
CALLS_AT_ONCE = 3
OPERATION_SECONDS = 0.001
QUIET_AFTER_SECONDS = 6000.0
EFFECTS_AT_ONCE = 4000


class System:
    """One history's system. Times are virtual seconds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.broker = Broker(self.clock)
        self.ledger = Ledger(self.clock)
        self.around = Surroundings(empty_tables(), self.broker, self.ledger)
        self.hand = Process("hand", "gateway", self.clock, immediate=True)
        self.store = store_of(self.hand, self.around)
        self.client = client_of(self.hand, self.around)
        self.publisher = Publisher(self.client)
        self.crew: dict[str, Process] = {}
        self.graves: list[Process] = []
        self.touched: Counter[str] = Counter()
        self.touched_all = 0
        self.may_sweep = False
        self.sweeps: Counter[str] = Counter()
        self.hidden_calls = 0
        self.lost_jobs: set[str] = set()
        self.lost_queue = False
        self.cut_off: set[Process] = set()
        self.run_id = ""
        self.met_at = ""
        self.attempts = 0

    def new_attempt(self) -> str:
        self.attempts += 1
        return f"attempt{self.attempts:05d}"

    def open(self) -> None:
        for name, role in CREW.items():
            self._begin(name, role)

    def _begin(self, name: str, role: str) -> None:
        process = Process(name, role, self.clock)
        self.crew[name] = process
        begin(process, self.around)

    # What a gateway does.

    def start_run(self, **asked: Any) -> None:
        """A run is stored under its key and its command published; a second start of the key finds it taken (E5)."""
        run = sample_run(id="run", idempotency_key="key", **asked)
        self.run_id = run.id
        self.hand.do(self.store.runs.insert(run))
        self.command(0)
        try:
            self.hand.do(self.store.runs.insert(run.model_copy(update={"id": "other"})))
        except Taken:
            return
        raise AssertionError("E5: two runs of one idempotency key")

    def run(self) -> Run:
        found = self.hand.do(self.store.runs.get(self.run_id))
        assert isinstance(found, Run)
        return found

    def command(self, version: int) -> None:
        message = RunCommanded(run_id=self.run_id, at=self.clock.now(), version=version)
        self.hand.do(self.publisher.work(message))

    def control(self, wanted: Wanted, *, told: bool, signalled: bool) -> None:
        """A gateway sets what is wanted; `told` says that it lived to publish the command, `signalled` the signal."""
        run = self.run()
        changed = self.hand.do(
            self.store.runs.set_wanted(run.owner, run.id, wanted, run.control.version, self.clock.now())
        )
        if changed is None:
            return
        if told:
            self.command(changed.control.version)
        else:
            self.may_sweep = True
        if signalled:
            self.signal(wanted=wanted.value)

    def signal(self, **signal: Any) -> None:
        """The fast path: every runner hears it."""
        data = orjson.dumps(signal)
        for process in self.crew.values():
            if process.service.signals is not None:
                message = SimpleNamespace(subject=f"ctl.{self.run_id}", data=data)
                process.start(process.service.signals.on_signal(message))

    # What the broker and the network do.

    def deliverable(self) -> list[Stored]:
        """What could be delivered now to whoever is free."""
        full = {lane for lane in JOBS if self.broker.held(lane) >= CALLS_AT_ONCE}
        return [one for one in self.broker.deliverable() if one.subject in ROLE_OF and one.subject not in full]

    def takers(self, message: Stored) -> list[Process]:
        return [one for one in self.crew.values() if one.role == ROLE_OF[message.subject] and one.alive]

    def deliver(self, message: Stored, process: Process) -> None:
        if message.delivered:
            self._touch_job(message)
        job = _job(message)
        if job is not None and (message.delivered or job.renewed):
            self.lost_jobs.discard(job.key)
        delivery = Delivery(self.broker, process, message)
        process.start(process.service.takes[message.subject](delivery))

    def repeat(self, message: Stored) -> None:
        """A message of the queue stands there once more, as after a lost memory of ids: its copy has no id."""
        headers = {name: value for name, value in message.headers.items() if name != "Nats-Msg-Id"}
        self._touch_job(message)
        self.broker.work.store(message.subject, message.data, headers)

    def lose_work(self, *, and_memory: bool) -> None:
        """The queue goes. What a lost job cost so far is unknown until somebody takes it up as repeated."""
        for message in self.broker.work.messages:
            self._touch_job(message)
            job = _job(message)
            if job is not None:
                self.lost_jobs.add(job.key)
        self.lost_queue = True
        self.touched_all += 1
        self.may_sweep = True
        self.broker.lose_work(and_memory=and_memory)

    def restart_broker(self) -> None:
        """The broker dies and forgets what it had delivered; every connection stands anew."""
        self.broker.forget_deliveries()
        for process in self.crew.values():
            process.service.counts.doubted_to = self.broker.work.sequence

    def _touch_job(self, message: Stored) -> None:
        job = _job(message)
        if job is not None:
            self.touched[job.key] += 1

    # What processes do and suffer.

    def waiting(self) -> list[tuple[Process, Operation]]:
        """Effects under way, of processes that live."""
        return [(process, one) for process in self.crew.values() if process.alive for one in process.operations]

    def perform(self, process: Process, operation: Operation, outcome: str = "good", fault: str = "") -> None:
        """One effect happens. `fault`: its answer is `lost`, or it is `refused` and did not happen."""
        self.clock.seconds += OPERATION_SECONDS
        error: Exception | None = None
        if operation.name == "model":
            self.ledger.outcome = outcome
        elif fault:
            self._touch(process)
            self.cut_off.add(process)
            broker = operation.name.split()[0] in ("publish", "ack", "nak", "term") or operation.name.startswith(
                ("read WORK", "read RUN")
            )
            error = NatsTimeoutError() if broker else AutoReconnect("cut off")
        reserved = self.reserved()
        process.perform(operation, error, happens=fault != "refused" or operation.name == "model")
        self.ledger.outcome = "good"
        self._judge_budget(reserved)

    def reserved(self) -> int:
        """What the run has reserved of its budget."""
        runs = self.around.tables["runs"].documents
        return int(runs[0]["budget"]["open"]) if runs else 0

    def _judge_budget(self, before: int) -> None:
        """E11: whatever is reserved fits into the budget beside what was spent."""
        reserved = self.reserved()
        if reserved > before:
            budget = self.around.tables["runs"].documents[0]["budget"]
            assert budget["spent"] + reserved <= budget["max"], f"E11: reserved beyond the budget: {budget}"

    def perform_unheard(self, process: Process, operation: Operation) -> None:
        """The effect happens, and its process never hears of it."""
        self.clock.seconds += OPERATION_SECONDS
        process.alive = False
        process.perform(operation)
        process.alive = True

    def kill(self, process: Process, *, effect_happens: int = 0) -> None:
        """kill -9, at once followed by a new life. So many of its effects under way still happen."""
        self._touch(process)
        if process.frozen:
            self.may_sweep = True
            self.hidden_calls += len(list(process.service.jobs or ()))
        process.alive = False
        for operation in list(process.operations)[:effect_happens]:
            if operation.name != "model":
                process.perform(operation)
        process.die()
        self.graves.append(process)
        self._begin(process.name, process.role)

    def freeze(self, process: Process) -> None:
        self._touch(process)
        process.frozen = True

    def wake(self, process: Process) -> None:
        if process.role != "runner":
            self.may_sweep = True
            self.touched_all += 1
        process.frozen = False
        process.go_on()

    def _touch(self, process: Process) -> None:
        """A fault of this process may cost each job in its hands one more call."""
        if process.service.jobs is None:
            return
        for held in process.service.jobs:
            self.touched[held.job.key] += 1

    def sweep(self, process: Process) -> None:
        process.start(process.service.sweeper.sweep())

    def settle_network(self, *, answers: bool) -> None:
        """Every effect under way happens, and those that follow; without `answers` models go on thinking."""
        for _ in range(EFFECTS_AT_ONCE):
            some = [(who, one) for who, one in self.waiting() if answers or one.name != "model"]
            some = [(who, one) for who, one in some if who.running] or some
            if not some:
                return
            self.perform(*some[0])
        raise AssertionError("E1: processes never come to rest")

    def advance(self, seconds: float) -> None:
        """Time passes for everyone; for the frozen it passes unseen."""
        self.settle_network(answers=False)
        if seconds >= DUPLICATE_WINDOW_SECONDS:
            self.touched_all += 1
        end = self.clock.seconds + seconds
        while True:
            timers = [(one.loop.next_timer, one) for one in self.crew.values() if one.running]
            due = [(when, one) for when, one in timers if when is not None and when <= end]
            if not due:
                break
            when, process = min(due, key=lambda one: one[0])
            self.clock.seconds = max(self.clock.seconds, when)
            process.go_on()
            self.settle_network(answers=False)
        self.clock.seconds = max(self.clock.seconds, end)

    # How it ends.

    def until_quiet(self) -> None:
        """No more faults: everything is delivered and answered, sweepers sweep, until the run is at rest."""
        for process in self.crew.values():
            if process.frozen:
                self.wake(process)
        if self.run().control.wanted is Wanted.PAUSE:
            self.control(Wanted.RUN, told=True, signalled=True)
        end = self.clock.seconds + QUIET_AFTER_SECONDS
        while self.clock.seconds < end:
            self._deliver_all()
            if self.at_rest():
                return
            self._pass_time()
            self.sweep(self.crew["o1"])
        raise AssertionError(f"E1: the run does not end: {self._state()}")

    def _deliver_all(self) -> None:
        for turn in range(EFFECTS_AT_ONCE):
            self.settle_network(answers=True)
            messages = self.deliverable()
            if not messages:
                return
            takers = self.takers(messages[0])
            self.deliver(messages[0], takers[turn % len(takers)])
        raise AssertionError("E1: messages never end")

    def _pass_time(self) -> None:
        now = self.clock.seconds
        due = self.broker.next_due()
        self.advance(min(max(0.1, due - now), 31.0) if due is not None else 31.0)

    def at_rest(self) -> bool:
        run = self.run()
        holds = any(process.service.jobs.count for process in self.crew.values() if process.service.jobs)
        return run.end_sequence is not None and not self.broker.work.messages and not holds and not self.waiting()

    def _state(self) -> str:
        queued = [(one.subject, one.delivered, one.due) for one in self.broker.work.messages]
        run = self.run().model_dump(exclude={"settings"})
        return f"{run}; WORK {queued}; errors {self.errors()}"

    def everyone(self) -> list[Process]:
        """Every life that was lived."""
        return [*self.graves, *self.crew.values()]

    def errors(self) -> list[str]:
        """What services complained about."""
        return [error for process in self.everyone() for error in process.service.log.errors]

    def bury(self) -> None:
        """Ends the system without a sound."""
        for process in (*self.everyone(), self.hand):
            process.alive = False
            process.loop.bury()


def _job(message: Stored) -> GenerationRequested | None:
    """The job that a message of the queue holds."""
    if message.subject in JOBS or message.subject.startswith(LATER):
        return GenerationRequested.model_validate_json(message.data)
    return None
