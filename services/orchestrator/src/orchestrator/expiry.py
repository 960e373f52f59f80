"""Forgets what is not kept for ever: answers after an hour, chats that were deleted or not written to for long.

Whoever forgets may die at any step: the run, by which it is found again, goes last.
"""

import asyncio
import time

from nats.aio.client import Client

from orchestrator.chat_sweeper import PublishLook
from orchestrator.settings import OrchestratorSettings
from shared.contracts.enums import Wanted
from shared.contracts.timestamps import now
from shared.errors import TransientError
from shared.logs import Logger
from shared.messaging.publisher import Publisher
from shared.messaging.purges import drop_letters
from shared.storage import Store
from shared.tracebacks import described

BATCH = 200
BATCHES_AT_MOST = 20
AT_ONCE = 16


class Expiry:
    """Deletes expired runs, a bounded number a minute. What has not ended is ended first, and forgotten later."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        client: Client,
        settings: OrchestratorSettings,
        look: PublishLook,
        log: Logger,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._client = client
        self._period = settings.forgetting_seconds
        self._look = look
        self._log = log
        self._next = 0.0

    async def sweep(self) -> None:
        """Once a period. Raises TransientError where store or broker are away."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._period
        forgotten = 0
        for _ in range(BATCHES_AT_MOST):
            expired = await self._store.runs.expired(now(), BATCH)
            if expired:
                await drop_letters(self._client, expired)
            done = 0
            for begin in range(0, len(expired), AT_ONCE):
                done += sum(await asyncio.gather(*(self._forget(one) for one in expired[begin : begin + AT_ONCE])))
            forgotten += done
            # What could not be forgotten yet would be found again.
            if len(expired) < BATCH or not done:
                break
        if forgotten:
            self._log.info("expired runs forgotten", count=forgotten)

    async def _forget(self, run_id: str) -> bool:
        try:
            run = await self._store.runs.get(run_id)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - what nobody can read any more keeps none of the others
            self._log.error("an expired run cannot be read", run_id=run_id, error=described(error))
            return await self._delete(run_id)
        if run is None:
            return False
        if run.ended_at is not None:
            return await self._delete(run_id)
        if run.control.wanted is not Wanted.CANCEL:
            await self._store.runs.set_wanted(run.owner, run_id, Wanted.CANCEL, run.control.version, now())
        await self._look(run_id, None, "expired")
        return False

    async def _delete(self, run_id: str) -> bool:
        await self._publisher.forget(run_id)
        await self._store.forget(run_id)
        return True
