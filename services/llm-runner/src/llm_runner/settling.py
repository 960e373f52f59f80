"""How a job's end becomes the broker's answer. As shared.messaging.settlement, for jobs that are kept alive together.

returned                -> acknowledged, with confirmation
TransientError          -> given back, to come again after its delay
the broker's or a clock's error -> given back with a growing delay
UnknownRun              -> acknowledged: the run is forgotten, as a chat that was deleted
any other exception     -> our own code failed: booked, given back once; then dead letter with the place, failure
                           stored, done, acknowledged. A PermanentError is not given back at all
given back DELIVERY_CAP times -> dead letter, failure stored, done, acknowledged
held by a process that was frozen -> left to its successor
"""

import asyncio
from collections.abc import Awaitable

from nats.aio.msg import Msg
from pydantic import ValidationError

from llm_runner.announcing import Announcer
from llm_runner.handlers import JobHandler
from llm_runner.held import HeldJob, HeldJobs
from llm_runner.letters import letter_of
from shared.contracts.transcript import Failure
from shared.contracts.words import Lane
from shared.contracts.work import GenerationRequested
from shared.errors import TransientError, UnknownRun
from shared.failing import INTERNAL
from shared.logs import Logger
from shared.messaging.failures import DELIVERY_CAP, PASSING
from shared.messaging.settlement import LONGEST_DELAY_SECONDS, confirm, give_back_delay
from shared.topology.streams import ack_wait
from shared.tracebacks import described

# Give-backs of one job for store or broker slow down, so that a long absence does not spend its deliveries.
SLOWER_BY = 1.3
SLOWER_TIMES = 30
UNAVAILABLE = "unavailable"


class JobSettlement:
    """Takes a job's message, has it handled and settles it."""

    def __init__(
        self, handler: JobHandler, announcer: Announcer, jobs: HeldJobs, limit_seconds: float, log: Logger
    ) -> None:
        self._handler = handler
        self._announcer = announcer
        self._jobs = jobs
        self._limit = limit_seconds
        self._log = log

    async def take(self, message: Msg, lane: Lane) -> None:
        """Works on one delivery from its arrival to its settlement."""
        try:
            job = GenerationRequested.model_validate_json(message.data)
        except ValidationError as error:
            self._log.error("not a job, terminated", subject=message.subject, error=described(error))
            await message.term()
            return
        held = HeldJob(message, job, ack_wait(lane), self._limit)
        self._jobs.add(held)
        try:
            await self._settle(held, await self._outcome(held))
        except PASSING as error:
            # Unsettled, the message comes again after ack_wait: repeating it is harmless.
            self._log.warning("job was not settled", job=job.key, error=repr(error))
        except asyncio.CancelledError:
            # This process leaves: another one goes on at once.
            if not (held.lost or message.is_acked):
                await message.nak()
            raise
        finally:
            self._jobs.remove(held)

    async def _outcome(self, held: HeldJob) -> Exception | None:
        try:
            await self._handler.handle(held)
        except Exception as error:  # noqa: BLE001 - the one place where every error becomes an answer
            return error
        return None

    async def _settle(self, held: HeldJob, error: Exception | None) -> None:
        if held.lost:
            self._log.warning("holder was frozen, job left to its successor", job=held.job.key)
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
        await self._announcer.given_up(letter_of(job, failure))
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
