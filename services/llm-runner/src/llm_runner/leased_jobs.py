"""The jobs this process holds: each is a message that is kept alive until it is settled."""

import time
from collections.abc import Iterator

from nats.aio.msg import Msg

from llm_runner.attempt import Attempt
from llm_runner.call_deadline import CallDeadline, Interruption
from shared.contracts.enums import Lane
from shared.contracts.work import GenerationRequested
from shared.messaging.deliveries import Delivery


class LeasedJob:
    """One delivery of a job, from its arrival to its settlement.

    A holder that gave no sign of life for longer than `ack_wait` (a frozen process) has lost the job for ever: a
    successor has it by then, so it is neither kept alive nor settled here. Times are monotonic seconds.
    """

    def __init__(self, delivery: Delivery, job: GenerationRequested, ack_wait: float, limit: float) -> None:
        self.message = delivery.message
        # A person's words go nowhere but into the transcript: the job without them is what is told and put off.
        self.question = job.question
        self.job = job.model_copy(update={"question": None}) if job.question else job
        self.delivery = self.message.metadata.num_delivered
        # Whether attempts may have been made before this delivery.
        self.repeated = self.job.renewed or not delivery.first
        self.began = self.last_sign = time.monotonic()
        self.attempt: Attempt | None = None
        self.interruption: Interruption | None = None
        self.call_began: float | None = None
        self._deadline: CallDeadline | None = None
        self._ack_wait = ack_wait
        self._limit = limit

    @property
    def stopped(self) -> bool:
        """Whether its reader has enough."""
        return self.interruption is Interruption.STOPPED

    @property
    def lost(self) -> bool:
        """Whether the job may be somebody else's by now."""
        return time.monotonic() - self.last_sign > self._ack_wait

    @property
    def overdue(self) -> bool:
        """Whether it has been held for longer than any job takes: it is not kept alive any longer."""
        return time.monotonic() - self.began > self._limit

    async def keep_alive(self) -> None:
        """Tells the broker that somebody works on it."""
        await self.message.in_progress()
        self.last_sign = time.monotonic()

    def calls(self, deadline: CallDeadline) -> None:
        """A call begins; an interruption that came before it ends it at once."""
        self._deadline = deadline
        self.call_began = time.monotonic()
        if self.interruption is not None:
            deadline.interrupt(self.interruption)

    def interrupt(self, why: Interruption) -> None:
        """Closes the call, now or when it would begin; the first reason stands."""
        if self.interruption is None:
            self.interruption = why
            if self._deadline is not None:
                self._deadline.interrupt(why)

    def result_is_in(self) -> None:
        """Nothing interrupts it from here on: what the call brought is about to be stored."""
        self._deadline = None


class LeasedJobs:
    """Every job in hand, found by its run, or by its message."""

    def __init__(self) -> None:
        self._by_run: dict[str, set[LeasedJob]] = {}
        self._by_message: dict[int, LeasedJob] = {}

    @property
    def count(self) -> int:
        return len(self._by_message)

    def add(self, leased: LeasedJob) -> None:
        self._by_run.setdefault(leased.job.run_id, set()).add(leased)
        # A message of nats-py has no hash; that of a job in hand is kept, so that its identity is its own.
        self._by_message[id(leased.message)] = leased

    def remove(self, leased: LeasedJob) -> None:
        del self._by_message[id(leased.message)]
        jobs = self._by_run[leased.job.run_id]
        jobs.remove(leased)
        if not jobs:
            del self._by_run[leased.job.run_id]

    def of(self, message: Msg) -> LeasedJob | None:
        """The job of a message that is in hand."""
        return self._by_message.get(id(message))

    def of_run(self, run_id: str) -> tuple[LeasedJob, ...]:
        return tuple(self._by_run.get(run_id, ()))

    def of_lane(self, lane: Lane) -> list[LeasedJob]:
        return [leased for leased in self if leased.job.lane is lane]

    def in_flight(self, provider: str) -> int:
        return sum(1 for leased in self if leased.job.provider == provider)

    def __iter__(self) -> Iterator[LeasedJob]:
        for jobs in tuple(self._by_run.values()):
            yield from tuple(jobs)
