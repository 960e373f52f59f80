"""Which answers are read here: their leases in the store, and who is the last to leave.

A runner ends a call that nobody reads; only this gateway knows who reads here, so it says so every few seconds
(`shared/storage/readers.py`). An answer shorter than that costs no write.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.cancellation import cancel_all
from shared.contracts.record import now
from shared.errors import StoreUnavailable
from shared.logs import Logger
from shared.storage import Store

RENEW_SECONDS: Final = 5.0


class Readings:
    """The readers of this process, by run."""

    def __init__(self, store: Store, log: Logger) -> None:
        self._store = store
        self._log = log
        self._readers: Counter[str] = Counter()
        self._renewing: list[asyncio.Task[None]] = []

    @contextmanager
    def reading(self, run_id: str) -> Iterator[None]:
        """Counts a reader for the length of a `with` block."""
        if not self._renewing:
            self._renewing.append(asyncio.create_task(self._renew(), name="leases of readers"))
        self._readers[run_id] += 1
        try:
            yield
        finally:
            self._readers[run_id] -= 1
            if not self._readers[run_id]:
                del self._readers[run_id]

    def is_read(self, run_id: str) -> bool:
        """Whether somebody reads an answer of the run here."""
        return run_id in self._readers

    async def finished(self, run_id: str, seq: int) -> None:
        """The answer was read to its end. That this could not be stored costs a reader a replay, so it is no error."""
        try:
            await self._store.readers.finish(run_id, seq)
        except StoreUnavailable as error:
            self._log.info("reading not noted", run_id=run_id, error=str(error))

    async def close(self) -> None:
        """Renews nothing any more."""
        await cancel_all(self._renewing)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if not self._readers:
                continue
            try:
                await self._store.readers.renew(list(self._readers), now())
            except StoreUnavailable as error:
                self._log.warning("leases not renewed", error=str(error))
