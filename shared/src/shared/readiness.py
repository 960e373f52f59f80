"""Whether what a service needs is there: broker, store, streams, durables, unique indexes."""

import asyncio

from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from shared.errors import StoreUnavailable
from shared.messaging.connection import Connection
from shared.storage import Store
from shared.storage.indexes import missing_indexes
from shared.topology.bootstrap import missing

CHECK_TIMEOUT_SECONDS = 3
AWAY = ("broker: ", "store: ")
"""How what does not answer begins; everything else is named because it does not exist."""


class Readiness:
    """Answers what is missing. `needed` names streams and durables (`WORK`, `WORK/orchestrator-done`)."""

    def __init__(self, connection: Connection, store: Store, needed: list[str]) -> None:
        self._connection = connection
        self._store = store
        self._needed = needed

    async def __call__(self) -> list[str]:
        broker, store = await asyncio.gather(self._broker(), self._stores())
        return broker + store

    async def _broker(self) -> list[str]:
        if not self._connection.connected:
            return ["broker: not connected"]
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                return await missing(self._connection.client, self._store, self._needed)
        except (NatsError, JetStreamError, TimeoutError) as error:
            return [f"broker: {type(error).__name__}"]

    async def _stores(self) -> list[str]:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                return await missing_indexes(self._store.database)
        except (StoreUnavailable, TimeoutError) as error:
            return [f"store: {type(error).__name__}"]
