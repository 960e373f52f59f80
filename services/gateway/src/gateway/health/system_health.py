"""Whether the system's parts answer: broker, store, services, and the models behind llm-runner."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Literal

from nats.errors import Error as NatsError

from gateway.dead_letters.records import client_of, written_since
from gateway.health.heartbeats import SERVICES, Heartbeat, Heartbeats, ProviderHealth
from gateway.schemas.answers import AiHealthView, Check, HealthView, Instance, LettersOfLate, ServiceHealth
from shared.cancellation import within
from shared.contracts.timestamps import now
from shared.errors import AgentWarsError, BrokerUnavailable
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.routing import Registry
from shared.storage import Store

CHECK_TIMEOUT_SECONDS = 1.5
ModelStatus = Literal["healthy", "cooling_down", "down"]


class SystemHealth:
    """Looks at the parts when it is asked, at what they did of late, and at heartbeats for the rest."""

    def __init__(
        self, connection: Connection, store: Store, readiness: Readiness, heartbeats: Heartbeats, registry: Registry
    ) -> None:
        self._connection = connection
        self._store = store
        self._readiness = readiness
        self._heartbeats = heartbeats
        self._registry = registry

    async def everything(self) -> HealthView:
        """Every part; `degraded` where one is down, `down` where broker or store are."""
        broker, store, letters = await asyncio.gather(
            _check("broker", self._broker), _check("store", self._stores), self._letters()
        )
        services = [self._service(name) for name in SERVICES]
        down = [check for check in (broker, store) if check.status == "down"]
        degraded = any(service.status == "down" for service in services)
        status: Literal["healthy", "degraded", "down"] = "down" if down else "degraded" if degraded else "healthy"
        return HealthView(
            status=status, timestamp=now(), broker=broker, store=store, services=services, dead_letters=letters
        )

    def models(self) -> AiHealthView:
        """Each provider as the latest llm-runner says of it: `healthy` where all are up, `down` where none is."""
        runners = self._heartbeats.fresh("llm-runner")
        checks = [self._provider(name, runners) for name in self._registry.providers]
        up = sum(check.status == "up" for check in checks)
        status: Literal["healthy", "degraded", "down"] = (
            "healthy" if up == len(checks) else "degraded" if up else "down"
        )
        return AiHealthView(status=status, timestamp=now(), checks=checks)

    def model_status(self, provider: str) -> ModelStatus:
        """How a provider's models stand; `healthy` where no runner says otherwise."""
        for runner in self._heartbeats.fresh("llm-runner"):
            status = _said(runner, provider).status
            if status != "up":
                return status
        return "healthy"

    async def _letters(self) -> LettersOfLate | None:
        """Work given up is no part that is down: one caller's must not make everything `degraded`."""
        try:
            written = written_since(client_of(self._connection), now() - timedelta(hours=1))
            return LettersOfLate(last_hour=await within(CHECK_TIMEOUT_SECONDS, written))
        except (BrokerUnavailable, TimeoutError):
            return None

    def _provider(self, name: str, runners: Sequence[Heartbeat]) -> Check:
        if not runners:
            return Check(service=name, status="down", error="no llm-runner was heard of in the last 15 seconds")
        said = _said(runners[0], name)
        status: Literal["up", "down"] = "up" if said.status == "up" else "down"
        return Check(service=name, status=status, latency_ms=said.latency_ms, error=said.error)

    def _service(self, name: str) -> ServiceHealth:
        fresh, known = self._heartbeats.fresh(name), self._heartbeats.known(name)
        return ServiceHealth(
            service=name,
            status="up" if fresh else "down",
            last_heartbeat_at=known[0].at if known else None,
            instances=[Instance(pid=one.pid, at=one.at) for one in fresh],
        )

    async def _broker(self) -> None:
        """An answer now, and a confirmation of late: a broker may answer and keep nothing."""
        if not self._connection.connected:
            raise ConnectionError("not connected")
        await self._connection.client.flush(timeout=1)
        await self._readiness.broker_works()

    async def _stores(self) -> None:
        await self._store.ping()
        await self._readiness.store_works()


def _said(runner: Heartbeat, provider: str) -> ProviderHealth:
    return runner.providers.get(provider, ProviderHealth())


async def _check(name: str, ask: Callable[[], Coroutine[Any, Any, None]]) -> Check:
    began = time.perf_counter()
    try:
        await within(CHECK_TIMEOUT_SECONDS, ask())
    except (AgentWarsError, NatsError, OSError, TimeoutError) as error:
        return Check(service=name, status="down", error=type(error).__name__)
    return Check(service=name, status="up", latency_ms=round((time.perf_counter() - began) * 1000, 2))
