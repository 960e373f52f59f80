"""How many streams one user may have open, over all gateways.

Every gateway counts its own and says the count as a lease; of the others it knows what they said up to a second ago.
So users may get a few streams more than their limit by opening them everywhere within that second, never many more,
and a gateway that died frees its share when its leases run out.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.access.callers import Caller
from gateway.errors import TooManyStreams
from gateway.event_stream.settings import StreamSettings
from gateway.settings import is_loopback
from shared.contracts.identity import new_id
from shared.contracts.owner import Owner
from shared.contracts.timestamps import now
from shared.errors import StoreUnavailable
from shared.logs import Logger
from shared.storage.stream_leases import StreamLeases

LIMIT_BEYOND_LOOPBACK: Final = 100
LEASE: Final = timedelta(seconds=120)
RENEWED_AFTER_SECONDS: Final = 40.0
ROUND_SECONDS: Final = 1.0


def streams_per_user(settings: StreamSettings, host: str) -> int | None:
    """The limit that was set; else none on loopback, where one person is everybody, and 100 elsewhere."""
    if settings.streams_per_user is not None:
        return settings.streams_per_user
    return None if is_loopback(host) else LIMIT_BEYOND_LOOPBACK


@dataclass(slots=True)
class _Share:
    """One user's streams: open here, said to be open here, known to be open elsewhere. Times are monotonic."""

    open: int = 0
    said: int = 0
    said_at: float = -math.inf
    elsewhere: int = 0
    known_at: float = -math.inf

    def is_due(self, at: float) -> bool:
        return self.open != self.said or (self.open > 0 and at - self.said_at > RENEWED_AFTER_SECONDS)


class Admission:
    """Admits streams up to a limit a user; without a limit it admits all and says nothing."""

    def __init__(self, leases: StreamLeases, limit: int | None, log: Logger) -> None:
        self._leases = leases
        self._limit = limit
        self._log = log
        self._holder = new_id()
        self._shares: dict[Owner, _Share] = {}

    def admit(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Counts a stream of the caller for the length of an `async with` block, which raises TooManyStreams."""
        return nullcontext() if self._limit is None else self._admitted(caller)

    async def check(self, caller: Caller) -> None:
        """Raises TooManyStreams where the caller has as many streams as a user may have."""
        if self._limit is None:
            return
        share = await self._known(caller.owner)
        if share.open + share.elsewhere >= self._limit:
            raise TooManyStreams(self._limit)

    def holding(self, caller: Caller) -> AbstractContextManager[None]:
        """Counts a stream that was admitted, for the length of a `with` block."""
        return nullcontext() if self._limit is None else self._held(caller)

    async def run(self) -> None:
        """Says what has changed, and what would run out, once a second until it is cancelled."""
        while self._limit is not None:
            await asyncio.sleep(ROUND_SECONDS)
            await self._record()

    async def close(self) -> None:
        """Frees all of this gateway at once."""
        if self._limit is None or not self._shares:
            return
        try:
            await self._leases.release(self._holder)
        except StoreUnavailable as error:
            self._log.info("stream leases left to run out", error=str(error))

    @asynccontextmanager
    async def _admitted(self, caller: Caller) -> AsyncIterator[None]:
        await self.check(caller)
        with self._held(caller):
            yield

    @contextmanager
    def _held(self, caller: Caller) -> Iterator[None]:
        share = self._shares.setdefault(caller.owner, _Share())
        share.open += 1
        try:
            yield
        finally:
            share.open -= 1

    async def _known(self, owner: Owner) -> _Share:
        """The user's share. With the store away what was known before has to do: a limit is no reason to refuse all."""
        share = self._shares.setdefault(owner, _Share())
        if time.monotonic() - share.known_at < ROUND_SECONDS:
            return share
        try:
            share.elsewhere = await self._leases.elsewhere(owner, self._holder, now())
            share.known_at = time.monotonic()
        except StoreUnavailable as error:
            self._log.info("streams on other gateways not known", error=str(error))
        return share

    async def _record(self) -> None:
        at = time.monotonic()
        due = {owner: share.open for owner, share in self._shares.items() if share.is_due(at)}
        try:
            await self._leases.record(self._holder, due, now() + LEASE)
        except StoreUnavailable as error:
            self._log.info("stream leases not said", error=str(error))
            return
        for owner, streams in due.items():
            share = self._shares[owner]
            share.said, share.said_at = streams, at
        self._forget(at)

    def _forget(self, at: float) -> None:
        """Drops users who have nothing open and were not asked for of late."""
        for owner, share in list(self._shares.items()):
            if share.open == share.said == 0 and at - share.known_at > ROUND_SECONDS:
                del self._shares[owner]
