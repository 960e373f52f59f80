"""The attempts that were made for a generation before this delivery (docs/protocol.md section 4, step 2).

Only `attempt.started` on the run's stream knows whether a holder that died had called; what such an attempt left out
is booked as an estimate, which the real figures of a zombie replace.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from nats.aio.client import Client

from shared.contracts import subjects
from shared.contracts.events import AttemptStarted
from shared.contracts.generations import UsageRow
from shared.contracts.identity import generation_key
from shared.contracts.work import GenerationRequested
from shared.messaging import history
from shared.storage import Store

BEFORE_FIRST_JOB = timedelta(minutes=5)
SCAN_SHARED_SECONDS = 1.0
STARTED = b'"attempt.started"'
TYPE_STANDS_WITHIN = 64
FAILED, LOST, CANCELED, BEATEN = "failed", "lost", "canceled", "beaten"
BROKEN = "broken"
"""Our own code failed on it: no crash, so that it is not called again and again."""

Scan = dict[str, list[AttemptStarted]]
"""Attempts by generation key, in the order they began."""


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    """What was tried: the attempts that began, and the usage rows that stand."""

    started: tuple[AttemptStarted, ...] = ()
    rows: tuple[UsageRow, ...] = ()

    @property
    def attempts(self) -> int:
        return len({event.attempt for event in self.started} | {row.id for row in self.rows})

    def count(self, outcome: str) -> int:
        """Attempts that ended so; one that left no row was lost."""
        booked = {row.id for row in self.rows}
        unbooked = sum(1 for event in self.started if event.attempt not in booked) if outcome == LOST else 0
        return unbooked + sum(1 for row in self.rows if row.outcome == outcome)

    def failed(self, provider: str, model: str) -> list[UsageRow]:
        """The attempts that failed at a route: each route of a chain has its own number of them."""
        return [row for row in self.rows if (row.outcome, row.provider, row.model) == (FAILED, provider, model)]

    def unbooked(self, counted: str | None) -> list[AttemptStarted]:
        """Attempts that stand neither in a row nor, as `counted`, in the result."""
        booked = {row.id for row in self.rows} | {counted}
        return [event for event in self.started if event.attempt not in booked]


NO_ATTEMPTS = AttemptHistory()


class AttemptHistories:
    """Reads the past of generations; a burst of redeliveries of one run shares one scan of its stream."""

    def __init__(self, client: Client, store: Store) -> None:
        self._client = client
        self._store = store
        self._scans: dict[str, tuple[float, datetime, asyncio.Task[Scan]]] = {}

    async def of(self, job: GenerationRequested) -> AttemptHistory:
        """Raises BrokerUnavailable, StoreUnavailable."""
        rows = await self._store.usage.of_generation(job.key)
        scan = await self._scan(job.run_id, job.first_job_at - BEFORE_FIRST_JOB)
        return AttemptHistory(tuple(scan.get(job.key, ())), tuple(rows))

    async def _scan(self, run_id: str, start: datetime) -> Scan:
        now = time.monotonic()
        shared = self._scans.get(run_id)
        # Only holders that died left anything out, and theirs is older than any scan of the last second.
        if shared is None or now - shared[0] > SCAN_SHARED_SECONDS or start < shared[1]:
            shared = (now, start, asyncio.create_task(self._read(run_id, start)))
            self._scans[run_id] = shared
            shared[2].add_done_callback(lambda task: self._forget(run_id, task))
        return await asyncio.shield(shared[2])

    def _forget(self, run_id: str, scan: asyncio.Task[Scan]) -> None:
        """A scan that is shared no more holds the attempts of a whole run for nobody."""
        shared = self._scans.get(run_id)
        if shared is None or shared[2] is not scan:
            return
        age = time.monotonic() - shared[0]
        if age > SCAN_SHARED_SECONDS:
            del self._scans[run_id]
        else:
            asyncio.get_running_loop().call_later(SCAN_SHARED_SECONDS - age + 0.1, self._forget, run_id, scan)

    async def _read(self, run_id: str, start: datetime) -> Scan:
        found: Scan = {}
        stream = history.read(self._client, subjects.RUN_EVENTS, subjects.events(run_id), start_time=start)
        async for message in stream:
            if STARTED in message.data[:TYPE_STANDS_WITHIN]:
                event = AttemptStarted.model_validate_json(message.data)
                found.setdefault(_key(event), []).append(event)
        return found


def _key(event: AttemptStarted) -> str:
    subject = event.conversation_id or event.run_id
    return generation_key(subject, event.seq, event.purpose, event.stage, event.pass_number)
