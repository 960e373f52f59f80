"""Whether what a service needs is there and works: broker, store, streams, durables, unique indexes.

That a socket is open says little: a broker may confirm nothing, a store write nothing. So each is asked to do a small
piece of its work, where it did none of late (`cached_check.py`).
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from shared.cached_check import CachedCheck
from shared.cancellation import within
from shared.contracts import subjects
from shared.errors import BrokerUnavailable, StoreUnavailable
from shared.messaging.connection import Connection
from shared.messaging.probes import probe
from shared.storage import Store
from shared.storage.indexes import missing_indexes
from shared.topology.bootstrap import missing

CHECK_TIMEOUT_SECONDS = 3
AWAY = ("broker: ", "store: ")
"""How what does not answer begins; everything else is named because it does not exist."""


class Readiness:
    """Answers what is missing, within `CHECK_TIMEOUT_SECONDS` whatever broker and store do.

    `needed` names streams and durables (`WORK`, `WORK/orchestrator-done`).
    """

    def __init__(self, connection: Connection, store: Store, needed: Sequence[str]) -> None:
        self._connection = connection
        self._store = store
        self._needed = list(needed)
        streams = {name.partition("/")[0] for name in needed}
        self._confirming = [
            CachedCheck(partial(self._probe, stream)) for stream in subjects.PROBED if stream in streams
        ]
        self._storing = CachedCheck(store.prove)
        self._leaving = False
        connection.on_closing(self._leave)

    async def __call__(self) -> list[str]:
        broker, store = await asyncio.gather(self._broker(), self._stores())
        return broker + store

    async def broker_works(self) -> None:
        """Returns where the streams confirmed a message of late. Raises BrokerUnavailable, TimeoutError."""
        await asyncio.gather(*(proof() for proof in self._confirming))

    async def store_works(self) -> None:
        """Returns where the store wrote and read something of late. Raises StoreUnavailable, TimeoutError."""
        await self._storing()

    async def _broker(self) -> list[str]:
        if not self._connection.connected:
            return ["broker: not connected"]
        try:
            return await within(CHECK_TIMEOUT_SECONDS, self._absent_in_broker())
        except (NatsError, JetStreamError, TimeoutError) as error:
            return [f"broker: {type(error).__name__}"]
        except BrokerUnavailable as error:
            return [f"broker: {error}"]

    async def _absent_in_broker(self) -> list[str]:
        absent = await missing(self._connection.client, self._store, self._needed)
        if not absent:
            await self.broker_works()
        return absent

    async def _stores(self) -> list[str]:
        try:
            return await within(CHECK_TIMEOUT_SECONDS, self._absent_in_store())
        except (StoreUnavailable, TimeoutError) as error:
            return [f"store: {type(error).__name__}"]

    async def _absent_in_store(self) -> list[str]:
        absent = await missing_indexes(self._store.database)
        await self.store_works()
        return absent

    async def _leave(self) -> None:
        """What was confirmed is taken out again before the connection closes."""
        self._leaving = True
        await asyncio.gather(*(proof.ended() for proof in self._confirming))

    async def _probe(self, stream: str) -> None:
        if self._leaving or not self._connection.connected:
            raise BrokerUnavailable(f"a probe of {stream}", ConnectionError("not connected"))
        await probe(self._connection.client, stream)
