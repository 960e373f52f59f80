"""Whether what a service needs is there: broker, store, streams, durables, unique indexes."""

import asyncio

from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from shared.errors import AgentWarsError, StoreUnavailable
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.storage import Store
from shared.storage.indexes import missing_indexes
from shared.topology.bootstrap import missing

CHECK_TIMEOUT_SECONDS = 3
WAIT_SECONDS = 0.5
WATCH_SECONDS = 10


class TopologyLost(AgentWarsError):
    """Streams or durables this service needs were there and are gone."""

    def __init__(self, absent: list[str]) -> None:
        super().__init__(f"gone: {', '.join(absent)}; run the topology bootstrap (python -m shared.topology)")


class Readiness:
    """Answers what is missing. `needed` names streams and durables (`WORK`, `WORK/orchestrator-done`)."""

    def __init__(self, connection: Connection, store: Store, needed: list[str]) -> None:
        self._connection = connection
        self._store = store
        self._needed = needed

    async def until_ready(self, log: Logger) -> None:
        """Waits until nothing is missing, saying so: whoever starts before the bootstrap begins when it is done."""
        while absent := await self():
            log.warning("waiting for what is missing", missing=absent)
            await asyncio.sleep(WAIT_SECONDS)

    async def watch(self) -> None:
        """Raises TopologyLost when a stream or durable is gone: the service leaves, and begins anew when it is back.

        FastStream would ask a durable that is gone thousands of times a second (research/engine.md section 1).
        """
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            absent = [name for name in await self._broker() if not name.startswith("broker:")]
            if absent:
                raise TopologyLost(absent)

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
