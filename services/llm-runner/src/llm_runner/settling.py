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

from llm_runner.announcing import Announcer
from llm_runner.dead_letters import dead_letter_of
from llm_runner.handlers import JobHandler
from llm_runner.held import HeldJob, HeldJobs
from shared.contracts import subjects
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationRequested
from shared.errors import TransientError, UnknownRun
from shared.failing import INTERNAL
from shared.logs import Logger
from shared.messaging.failures import DELIVERY_CAP, PASSING
from shared.messaging.reading import Delivery
from shared.messaging.settlement import LONGEST_DELAY_SECONDS, confirm, give_back_delay, settled
from shared.messaging.triggers import Trigger
from shared.topology.streams import ack_wait

# Give-backs of one job for store or broker slow down, so that a long absence does not spend its deliveries.
SLOWER_BY = 1.3
SLOWER_TIMES = 30
UNAVAILABLE = "unavailable"


class JobSettlement:
    """Has the job of a message handled, kept alive with the others in hand, and settles it."""

    def __init__(
        self, handler: JobHandler, announcer: Announcer, jobs: HeldJobs, limit_seconds: float, log: Logger
    ) -> None:
        self._handler = handler
        self._announcer = announcer
        self._jobs = jobs
        self._limit = limit_seconds
        self._log = log

    async def on_job(self, job: GenerationRequested, delivery: Delivery) -> None:
        """Holds the job until its message is settled, and has it handled."""
        message = delivery.message
        held = HeldJob(message, job, ack_wait(job.lane), self._limit)
        self._jobs.add(held)
        await self._handler.handle(held)

    async def run(self, message: Msg, handler: Awaitable[object]) -> None:
        """Awaits the handler, which is `on_job` behind the reading of the message, and settles it by how it ended."""
        try:
            await settled(message, handler, lambda: self._lost(message), self._settle, self._log)
        finally:
            held = self._jobs.of(message)
            if held is not None:
                self._jobs.remove(held)

    def _lost(self, message: Msg) -> bool:
        held = self._jobs.of(message)
        return held is not None and held.lost

    async def _settle(self, message: Msg, error: Exception | None) -> None:
        held = self._jobs.of(message)
        if held is None:
            self._log.error("not a job, terminated", subject=message.subject, error=str(error))
            await message.term()
        elif error is None:
            await confirm(held.message)
        elif isinstance(error, UnknownRun):
            await self._drop(held)
        elif not isinstance(error, PASSING):
            await self._broke(held, error)
        elif held.delivery >= DELIVERY_CAP:
            await self._give_up(held, error)
        else:
            await self._give_back(held, error)

    async def _drop(self, held: HeldJob) -> None:
        """Nobody waits for what belongs to a run that is forgotten, and none of its words go into a letter."""
        self._log.info("job of a run that is gone", job=held.job.key, run_id=held.job.run_id)
        await confirm(held.message)

    async def _broke(self, held: HeldJob, error: Exception) -> None:
        self._log.error("llm-runner failed by itself", job=held.job.key, kind=type(error).__name__, exc_info=error)
        await self._end(held, self._handler.broke(held, error))

    async def _bury(self, held: HeldJob, error: Exception) -> None:
        """A job whose end cannot be stored either."""
        job, failure = held.job, Failure(code=INTERNAL, message=f"llm-runner failed by itself ({type(error).__name__})")
        self._log.error("job given up", job=job.key, run_id=job.run_id, exc_info=error)
        await self._announcer.given_up(dead_letter_of(job, failure))
        await confirm(held.message)

    async def _give_up(self, held: HeldJob, error: Exception) -> None:
        self._log.error("job given up, delivered too often", job=held.job.key, exc_info=error)
        message = f"gave up after {held.delivery} deliveries: {error}"
        await self._end(held, self._handler.give_up(held, Failure(code=UNAVAILABLE, message=message)))

    async def _end(self, held: HeldJob, ending: Awaitable[None]) -> None:
        """Settles a job by how its end could be made."""
        try:
            await ending
        except PASSING as again:
            await self._give_back(held, again)
        except UnknownRun:
            await self._drop(held)
        except Exception as still:  # noqa: BLE001 - not even its end can be made: it must not be called again for that
            await self._bury(held, still)
        else:
            await confirm(held.message)

    async def _give_back(self, held: HeldJob, error: Exception) -> None:
        known = isinstance(error, TransientError)
        level = self._log.info if known else self._log.error
        level("job given back", job=held.job.key, error=repr(error), exc_info=None if known else error)
        delay = give_back_delay(held.message, error)
        if known:
            delay = min(LONGEST_DELAY_SECONDS, delay * SLOWER_BY ** min(held.delivery - 1, SLOWER_TIMES))
        await held.message.nak(delay=delay)


JOBS = Trigger("llm-<provider>-<lane>", subjects.JOBS, JobSettlement.on_job, fast=True)
"""One durable a lane of each provider: what they have in common."""
