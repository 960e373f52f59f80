"""Whether the store answers, known before a request asks it.

A request that meets a store that is away waits for its time-out in one of few threads; many would queue up behind
each other. So one probe waits for all: while it has no answer, requests are refused at once.
"""

import asyncio
from typing import Protocol

from shared.errors import StoreUnavailable
from shared.logs import Logger

CALM_SECONDS = 1.0
AWAY_SECONDS = 0.25


class Pingable(Protocol):
    """What can be asked whether it answers: raises StoreUnavailable where it does not."""

    async def ping(self) -> None: ...


class StoreWatch:
    """Probes the store every second, and more often while it is away."""

    def __init__(self, store: Pingable, log: Logger) -> None:
        self._store = store
        self._log = log
        self._doubted = asyncio.Event()
        self._failure: StoreUnavailable | None = None

    def check(self) -> None:
        """Returns where the store answered last. Raises StoreUnavailable."""
        if self._failure is not None:
            raise self._failure

    def doubt(self) -> None:
        """A request met a store that did not answer: probed now, not in a second."""
        self._doubted.set()

    async def run(self) -> None:
        """Probes until cancelled."""
        while True:
            self._doubted.clear()
            await self._probe()
            try:
                async with asyncio.timeout(CALM_SECONDS if self._failure is None else AWAY_SECONDS):
                    await self._doubted.wait()
            except TimeoutError:
                continue

    async def _probe(self) -> None:
        try:
            await self._store.ping()
        except StoreUnavailable as error:
            if self._failure is None:
                self._log.warning("store away", error=str(error))
            self._failure = error
        else:
            if self._failure is not None:
                self._log.info("store back")
            self._failure = None
