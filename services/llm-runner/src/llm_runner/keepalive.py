"""Keeping every job of a lane alive from one loop, and noticing what makes a long call pointless.

Each third of `ack_wait` the broker hears of every job in hand. Jobs older than that are looked up in the store too,
two queries for all of them: a result or an `ended` in their place, or a cancel or a stop whose signal was missed,
closes a call. So does, with a third query, that nobody reads what somebody waited for.
"""

import asyncio
import time

from nats.errors import Error as NatsError

from llm_runner.call_deadline import Interruption
from llm_runner.control import interruption_wanted
from llm_runner.leased_jobs import LeasedJob, LeasedJobs
from llm_runner.orphans import Orphans
from shared.contracts.enums import Lane
from shared.contracts.kinds import MESSAGE_PURPOSES
from shared.errors import StoreUnavailable
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.storage import Store
from shared.storage.entries import TranscriptEnd
from shared.topology.streams import ack_wait


class JobKeepAlive:
    """One lane's heartbeat."""

    def __init__(self, lane: Lane, jobs: LeasedJobs, connection: Connection, store: Store, log: Logger) -> None:
        self._lane = lane
        self._jobs = jobs
        self._connection = connection
        self._store = store
        self._log = log
        self._orphans = Orphans(store)
        self._every = ack_wait(lane) / 3

    async def run(self) -> None:
        """Beats until it is cancelled."""
        while True:
            await asyncio.sleep(self._every)
            jobs = [leased for leased in self._jobs.of_lane(self._lane) if not leased.lost and not leased.overdue]
            try:
                await self._keep_alive(jobs)
                await self._look([leased for leased in jobs if time.monotonic() - leased.began > self._every])
            except NatsError as error:
                self._log.warning("jobs could not be kept alive", lane=self._lane, error=repr(error))
            except StoreUnavailable as error:
                # The calls go on: the next beat looks again.
                self._orphans.store_was_away()
                self._log.warning("jobs in flight were not looked up", lane=self._lane, error=str(error))

    async def _keep_alive(self, jobs: list[LeasedJob]) -> None:
        # While the broker is away nothing reaches it, so nothing counts as a sign of life.
        if self._connection.connected:
            for leased in jobs:
                await leased.keep_alive()

    async def _look(self, jobs: list[LeasedJob]) -> None:
        if not jobs:
            return
        conversations = list({leased.job.conversation_id for leased in jobs if leased.job.conversation_id})
        ends = await self._store.entries.ends(conversations)
        run_ids = list({leased.job.run_id for leased in jobs})
        controls = await asyncio.gather(*(self._store.runs.control(run_id) for run_id in run_ids))
        wanted = dict(zip(run_ids, controls, strict=True))
        for leased in jobs:
            if _taken(leased, ends):
                leased.interrupt(Interruption.BEATEN)
            elif why := interruption_wanted(leased.job, wanted[leased.job.run_id]):
                leased.interrupt(why)
        for leased in await self._orphans.among(jobs):
            self._log.info("nobody reads it any more", job=leased.job.key)
            leased.interrupt(Interruption.STOPPED)


def _taken(leased: LeasedJob, ends: dict[str, TranscriptEnd]) -> bool:
    """Whether a message or an `ended` stands where the job's result would."""
    job = leased.job
    last = ends.get(job.conversation_id or "")
    if last is None or job.pass_number:
        return False
    return last.ended or (job.purpose in MESSAGE_PURPOSES and last.seq >= job.seq)
