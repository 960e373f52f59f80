"""How a job's end becomes the broker's answer. As shared.messaging.settlement, for jobs that are kept alive together.

returned                -> acknowledged, with confirmation
TransientError          -> given back, to come again after its delay
the broker's or a clock's error -> given back with a growing delay
UnknownRun              -> acknowledged: the run is forgotten, as a chat that was deleted
any other exception     -> our own code failed: booked, given back once; then dead letter with the place, failure
                           stored, done, acknowledged. A PermanentError is not given back at all
given back DELIVERY_CAP times -> dead letter, failure stored, done, acknowledged
held by a process that was frozen -> left to its successor
what is no job          -> terminated
"""

from collections.abc import Awaitable

from nats.aio.msg import Msg

from llm_runner.announcer import Announcer
from llm_runner.dead_letters import dead_letter_of
from llm_runner.handlers import JobHandler
from llm_runner.leased_jobs import LeasedJob, LeasedJobs
from shared.contracts import subjects
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationRequested
from shared.errors import TransientError, UnknownRun
from shared.logs import Logger
from shared.messaging.deliveries import Delivery
from shared.messaging.failures import DELIVERY_CAP, PASSING
from shared.messaging.settlement import LONGEST_DELAY_SECONDS, confirm, give_back_delay, settled
from shared.messaging.triggers import Trigger
from shared.reported_failures import INTERNAL
from shared.topology.streams import ack_wait

# Give-backs of one job for store or broker slow down, so that a long absence does not spend its deliveries.
SLOWER_BY = 1.3
SLOWER_TIMES = 30
UNAVAILABLE = "unavailable"


class JobSettlement:
    """Has the job of a message handled, kept alive with the others in hand, and settles it."""

    def __init__(
        self, handler: JobHandler, announcer: Announcer, jobs: LeasedJobs, limit_seconds: float, log: Logger
    ) -> None:
        self._handler = handler
        self._announcer = announcer
        self._jobs = jobs
        self._limit = limit_seconds
        self._log = log

    async def on_job(self, job: GenerationRequested, delivery: Delivery) -> None:
        """Holds the job until its message is settled, and has it handled."""
        leased = LeasedJob(delivery, job, ack_wait(job.lane), self._limit)
        self._jobs.add(leased)
        await self._handler.handle(leased)

    async def run(self, message: Msg, handler: Awaitable[object]) -> None:
        """Awaits the handler, which is `on_job` behind the reading of the message, and settles it by how it ended."""
        try:
            await settled(message, handler, lambda: self._lost(message), self._settle, self._log)
        finally:
            leased = self._jobs.of(message)
            if leased is not None:
                self._jobs.remove(leased)

    def _lost(self, message: Msg) -> bool:
        leased = self._jobs.of(message)
        return leased is not None and leased.lost

    async def _settle(self, message: Msg, error: Exception | None) -> None:
        leased = self._jobs.of(message)
        if leased is None:
            self._log.error("not a job, terminated", subject=message.subject, error=str(error))
            await message.term()
        elif error is None:
            await confirm(leased.message)
        elif isinstance(error, UnknownRun):
            await self._drop(leased)
        elif not isinstance(error, PASSING):
            await self._broke(leased, error)
        elif leased.delivery >= DELIVERY_CAP:
            await self._give_up(leased, error)
        else:
            await self._give_back(leased, error)

    async def _drop(self, leased: LeasedJob) -> None:
        """Nobody waits for what belongs to a run that is forgotten, and none of its words go into a letter."""
        self._log.info("job of a run that is gone", job=leased.job.key, run_id=leased.job.run_id)
        await confirm(leased.message)

    async def _broke(self, leased: LeasedJob, error: Exception) -> None:
        self._log.error("llm-runner failed by itself", job=leased.job.key, kind=type(error).__name__, exc_info=error)
        await self._end(leased, self._handler.broke(leased, error))

    async def _bury(self, leased: LeasedJob, error: Exception) -> None:
        """A job whose end cannot be stored either."""
        job, failure = (
            leased.job,
            Failure(code=INTERNAL, message=f"llm-runner failed by itself ({type(error).__name__})"),
        )
        self._log.error("job given up", job=job.key, run_id=job.run_id, exc_info=error)
        await self._announcer.given_up(dead_letter_of(job, failure))
        await confirm(leased.message)

    async def _give_up(self, leased: LeasedJob, error: Exception) -> None:
        self._log.error("job given up, delivered too often", job=leased.job.key, exc_info=error)
        message = f"gave up after {leased.delivery} deliveries: {error}"
        await self._end(leased, self._handler.give_up(leased, Failure(code=UNAVAILABLE, message=message)))

    async def _end(self, leased: LeasedJob, ending: Awaitable[None]) -> None:
        """Settler a job by how its end could be made."""
        try:
            await ending
        except PASSING as again:
            await self._give_back(leased, again)
        except UnknownRun:
            await self._drop(leased)
        except Exception as still:  # noqa: BLE001 - not even its end can be made: it must not be called again for that
            await self._bury(leased, still)
        else:
            await confirm(leased.message)

    async def _give_back(self, leased: LeasedJob, error: Exception) -> None:
        known = isinstance(error, TransientError)
        level = self._log.info if known else self._log.error
        level("job given back", job=leased.job.key, error=repr(error), exc_info=None if known else error)
        delay = give_back_delay(leased.message, error)
        if known:
            delay = min(LONGEST_DELAY_SECONDS, delay * SLOWER_BY ** min(leased.delivery - 1, SLOWER_TIMES))
        await leased.message.nak(delay=delay)


JOBS = Trigger("llm-<provider>-<lane>", subjects.JOBS, JobSettlement.on_job, fast=True)
"""One durable a lane of each provider: what they have in common."""
