"""The skeleton of a worker: what it stands on, when it begins, and in which order it stops.

HTTP ──▶ broker ──▶ all that is needed stands ──▶ the worker's own work, heartbeats, mending
HTTP ◀── broker ◀── what is in hand has ended or is handed over ◀── stop (SIGTERM), or a duty that failed
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faststream.asgi import AsgiFastStream

from shared.cancellation import cancel_all
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.delivery_counts import DeliveryCounts, DoubtedDeliveries
from shared.messaging.heartbeats import HEARTBEAT_SECONDS, publish_heartbeats
from shared.process import stop_or_failure, unless_stopped
from shared.readiness import Readiness
from shared.routing import Registry
from shared.settings import WorkerSettings
from shared.storage import Store
from shared.worker.http import serving
from shared.worker.probes import probe_routes
from shared.worker.topology_repair import TopologyRepair


@dataclass(frozen=True)
class Work:
    """A worker's own part.

    `duties` run until the stop: one that fails ends the process. `stop` takes no more, and ends or hands over what is
    in hand within a bound; the duties run on meanwhile. `vitals` is what its heartbeat says beside that it lives.
    """

    duties: Sequence[Coroutine[Any, Any, None]]
    stop: Callable[[], Awaitable[object]]
    vitals: Callable[[], Mapping[str, object]] = dict
    heartbeat_seconds: float = HEARTBEAT_SECONDS


class Worker:
    """One process: its connection to the broker, its store, its FastStream application.

    `needed` names the streams and durables (`WORK/orchestrator-done`) without which nothing is taken.
    """

    def __init__(
        self, service: str, needed: Sequence[str], settings: WorkerSettings, registry: Registry, log: Logger
    ) -> None:
        self.connection = Connection(service, settings.nats, log)
        self.store = Store(settings.mongo)
        self._deliveries = DoubtedDeliveries(self.connection, log)
        readiness = Readiness(self.connection, self.store, needed)
        self.app = AsgiFastStream(
            self.connection.broker,
            asgi_routes=probe_routes(readiness),
            logger=None,
            after_startup=[self._broker_started],
            on_shutdown=[self.connection.close],
        )
        self._service = service
        self._health = settings.health
        self._repair = TopologyRepair(readiness, self.connection, self.store, settings.nats, registry, log)
        self._started = asyncio.Event()
        self._log = log

    @property
    def delivery_counts(self) -> DeliveryCounts:
        """Which deliveries are believed to be the first."""
        return self._deliveries.counts

    async def run(self, begin: Callable[[], Awaitable[Work]], stopping: asyncio.Event) -> None:
        """Works until `stopping` is set; raises what a duty failed with.

        `begin` makes the work, once the broker is connected and all that is needed stands.
        """
        try:
            async with serving(self.app, self._health), self.app.start_lifespan_context():
                if await unless_stopped(stopping, self._ready()):
                    await self._work(await begin(), stopping)
        finally:
            self.store.close()

    def _broker_started(self) -> None:
        self._started.set()

    async def _ready(self) -> None:
        """Without the unique indexes an insert would be no lock: nothing is taken before they stand."""
        await self._started.wait()
        await self.connection.open()
        await self._repair.until_ready()
        await self._deliveries.read()

    async def _work(self, work: Work, stopping: asyncio.Event) -> None:
        heartbeats = publish_heartbeats(self.connection, self._service, work.heartbeat_seconds, self._log, work.vitals)
        duties = (self._deliveries.run(), *work.duties, heartbeats, self._repair.watch())
        running = [asyncio.create_task(duty) for duty in duties]
        self._log.info("serving")
        try:
            await stop_or_failure(stopping, running)
        finally:
            await work.stop()
            await cancel_all(running)
