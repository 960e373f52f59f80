"""Which answers are read here, and which were read to their ends: said to the store for all at once, now and then.

A runner ends a call that nobody reads; only this gateway knows who reads here, so it says so every few seconds
(`shared/storage/readers.py`). An answer shorter than that costs no write. That an answer was read to its end is said
a moment later, with others: until then this gateway alone knows it, and dying with it costs a reader a replay.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.cancellation import cancel_all
from shared.contracts.timestamps import now
from shared.errors import StoreUnavailable
from shared.logs import Logger
from shared.storage.readers import Readers

RENEW_SECONDS: Final = 5.0
FINISH_SECONDS: Final = 0.1


class ReaderLeases:
    """The readers of this process, by run."""

    def __init__(self, leases: Readers, log: Logger) -> None:
        self._leases = leases
        self._log = log
        self._readers: Counter[str] = Counter()
        self._read: dict[str, int] = {}
        self._saying: list[asyncio.Task[None]] = []
        self._was_read = asyncio.Event()

    @contextmanager
    def reading(self, run_id: str) -> Iterator[None]:
        """Counts a reader for the length of a `with` block."""
        if not self._saying:
            self._saying.append(asyncio.create_task(self._renew(), name="leases of readers"))
            self._saying.append(asyncio.create_task(self._finish(), name="answers read"))
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

    def finished(self, run_id: str, seq: int) -> None:
        """The answer was read to its end."""
        self._read[run_id] = max(seq, self._read.get(run_id, 0))
        self._was_read.set()

    async def read_seq(self, run_id: str) -> int:
        """The last answer of a run that was read to its end. Raises StoreUnavailable."""
        return max(self._read.get(run_id, 0), (await self._leases.get(run_id)).read_seq)

    async def close(self) -> None:
        """Says what is to be said, and nothing any more."""
        await cancel_all(self._saying)
        await self._say_read()

    async def _finish(self) -> None:
        while True:
            await self._was_read.wait()
            await asyncio.sleep(FINISH_SECONDS)
            self._was_read.clear()
            await self._say_read()

    async def _say_read(self) -> None:
        """That it could not be stored costs a reader a replay, so it is no error."""
        read = dict(self._read)
        try:
            await self._leases.finish(read)
        except StoreUnavailable as error:
            self._log.info("readings not noted", answers=len(read), error=str(error))
        for run_id, seq in read.items():
            if self._read[run_id] == seq:
                del self._read[run_id]

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if not self._readers:
                continue
            try:
                await self._leases.renew(list(self._readers), now())
            except StoreUnavailable as error:
                self._log.warning("leases not renewed", error=str(error))
