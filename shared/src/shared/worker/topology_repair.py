"""Making again what a service needs and somebody took away (docs/decisions/0004).

The bootstrap owns the tables, and it runs before the services. A durable that is deleted, a JetStream store that is
lost, a database that is dropped while they run: the services run the same bootstrap again, which then makes what is
missing and leaves alone what stands. The sweeper finds what was lost with a queue.
"""

import asyncio
import time

from nats.errors import Error as NatsError

from shared.errors import AgentWarsError
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.readiness import AWAY, Readiness
from shared.routing import Registry
from shared.settings import NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from shared.tracebacks import described

WAIT_SECONDS = 0.5
WATCH_SECONDS = 2.0
BOOTSTRAP_IS_LATE_SECONDS = 10.0


class TopologyRepair:
    """Looks every other second whether all that `readiness` names is there."""

    def __init__(
        self,
        readiness: Readiness,
        connection: Connection,
        store: Store,
        settings: NatsSettings,
        registry: Registry,
        log: Logger,
    ) -> None:
        self._readiness = readiness
        self._connection = connection
        self._store = store
        self._settings = settings
        self._registry = registry
        self._log = log
        self._told: list[str] = []

    async def until_ready(self) -> None:
        """Returns when nothing is missing. Whoever starts before the bootstrap gives it a while to do its work."""
        began = time.monotonic()
        while absent := await self._absent():
            if time.monotonic() - began > BOOTSTRAP_IS_LATE_SECONDS:
                await self._mend(absent)
            await asyncio.sleep(WAIT_SECONDS)

    async def watch(self) -> None:
        """Makes again what is gone, until it is cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self._mend(await self._absent())

    async def _absent(self) -> list[str]:
        absent = await self._readiness()
        if absent != self._told:
            self._told = absent
            if absent:
                self._log.warning("not ready", missing=absent)
            else:
                self._log.info("ready again")
        return absent

    async def _mend(self, absent: list[str]) -> None:
        """What is away comes back by itself; what is gone does not."""
        if not absent or any(name.startswith(AWAY) for name in absent):
            return
        try:
            client = self._connection.client
            made = await bootstrap(client, self._store, self._settings, self._registry, change=False)
        except (NatsError, AgentWarsError, TimeoutError) as error:
            self._log.error("what is missing could not be made", missing=absent, error=described(error))
        else:
            self._log.warning("made what was gone", made=made)
