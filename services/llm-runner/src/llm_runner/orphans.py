"""Answers that nobody reads any more (docs/protocol.md section 9): each token of them would be paid for nothing.

Gateways renew the lease of what they stream every RENEWED_SECONDS, the first time after as long. A lease counts from
when this process saw it change, so that clocks that differ do no harm:

    reader leaves, or its gateway dies ──at most RENEWED_SECONDS──▶ last change ──orphan time + RENEWED_SECONDS──▶ ended
"""

import asyncio
import time
from datetime import datetime

from llm_runner.leased_jobs import LeasedJob
from shared.contracts.kinds import ANSWER_PURPOSES
from shared.storage import Store

RENEWED_SECONDS = 5.0
LEAST_SILENCE_SECONDS = 2 * RENEWED_SECONDS


class Orphans:
    """Knows since when each answer in hand has not been read. Times are monotonic seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[datetime, float]] = {}
        self._store_away_at = 0.0

    def store_was_away(self) -> None:
        """Nobody could renew a lease: what looks abandoned may not be."""
        self._store_away_at = time.monotonic()

    async def among(self, jobs: list[LeasedJob]) -> list[LeasedJob]:
        """Those of the jobs whose answer nobody reads. Raises StoreUnavailable."""
        answers = [leased for leased in jobs if leased.job.purpose in ANSWER_PURPOSES and leased.call_began is not None]
        if not answers:
            self._seen.clear()
            return []
        run_ids = list({leased.job.run_id for leased in answers})
        self._note(await self._store.readers.read_at(run_ids), run_ids)
        patience = await asyncio.gather(*(self._patience(leased) for leased in answers))
        return [leased for leased, seconds in zip(answers, patience, strict=True) if self._unread_for(leased) > seconds]

    def _note(self, leases: dict[str, datetime], run_ids: list[str]) -> None:
        """A lease that stands as it stood was not renewed since it was first seen so."""
        seen, moment = self._seen, time.monotonic()
        self._seen = {}
        for run_id in run_ids:
            read_at = leases.get(run_id)
            if read_at is not None:
                before = seen.get(run_id)
                self._seen[run_id] = before if before is not None and before[0] == read_at else (read_at, moment)

    def _unread_for(self, leased: LeasedJob) -> float:
        _, changed = self._seen.get(leased.job.run_id, (None, 0.0))
        return time.monotonic() - max(leased.call_began or 0.0, changed, self._store_away_at)

    async def _patience(self, leased: LeasedJob) -> float:
        """For how long the answer is written on without a reader; for ever where that is not asked for."""
        settings = await self._store.runs.settings(leased.job.run_id)
        orphan_seconds = settings.scenarios[0].orphan_seconds if settings else None
        if orphan_seconds is None:
            return float("inf")
        return max(orphan_seconds + RENEWED_SECONDS, LEAST_SILENCE_SECONDS)
