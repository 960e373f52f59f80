"""Whether the system's parts answer: broker, store, services, and the models behind llm-runner."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from nats.errors import Error as NatsError

from gateway.dead_letters.records import client_of, written_since
from gateway.health.heartbeats import SERVICES, Heartbeat, Heartbeats, ProviderHealth
from gateway.schemas.answers import (
    AiHealthView,
    Check,
    HealthView,
    Instance,
    LeftAlone,
    LettersOfLate,
    ProviderCheck,
    ServiceHealth,
)
from shared.cancellation import within
from shared.contracts.breakers import OpenBreaker
from shared.contracts.timestamps import now
from shared.errors import AgentWarsError, BrokerUnavailable, StoreUnavailable
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.routing import Registry
from shared.storage import Store

CHECK_TIMEOUT_SECONDS = 1.5
Health = Literal["healthy", "degraded", "down"]


class ModelStanding(NamedTuple):
    """How a model stands; one that is left alone, until when and why."""

    status: Literal["healthy", "cooling_down", "down"]
    until: datetime | None = None
    why: str | None = None


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
        status: Health = "down" if down else "degraded" if degraded else "healthy"
        return HealthView(
            status=status, timestamp=now(), broker=broker, store=store, services=services, dead_letters=letters
        )

    async def models(self) -> AiHealthView:
        """Each provider as the latest llm-runner says of it: `healthy` where all are, `down` where none answers."""
        runners = self._heartbeats.fresh("llm-runner")
        left_alone = await self._left_alone()
        checks = [self._provider(name, runners, left_alone) for name in self._registry.providers]
        up = any(check.status == "up" for check in checks)
        well = all(check.health == "healthy" for check in checks)
        status: Health = "healthy" if well else "degraded" if up else "down"
        return AiHealthView(status=status, timestamp=now(), checks=checks)

    async def model_standings(self) -> Callable[[str, str], ModelStanding]:
        """How a provider's model stands, for any of them; `healthy` where nobody says otherwise."""
        runners = self._heartbeats.fresh("llm-runner")
        left_alone = await self._left_alone()

        def standing(provider: str, model: str) -> ModelStanding:
            if (breaker := left_alone.get(f"{provider}/{model}")) is not None:
                return ModelStanding("cooling_down", breaker.until, breaker.message)
            down = any(_said(runner, provider).status == "down" for runner in runners)
            return ModelStanding("down" if down else "healthy")

        return standing

    async def _left_alone(self) -> dict[str, OpenBreaker]:
        """The breakers that stand, by target; none where the store does not say, for that is told elsewhere."""
        try:
            stored = await within(CHECK_TIMEOUT_SECONDS, self._store.breakers.all())
        except (StoreUnavailable, TimeoutError):
            return {}
        moment = now()
        return {breaker.id: breaker for breaker in stored if breaker.stands(moment)}

    async def _letters(self) -> LettersOfLate | None:
        """Work given up is no part that is down: one caller's must not make everything `degraded`."""
        try:
            written = written_since(client_of(self._connection), now() - timedelta(hours=1))
            return LettersOfLate(last_hour=await within(CHECK_TIMEOUT_SECONDS, written))
        except (BrokerUnavailable, TimeoutError):
            return None

    def _provider(
        self, name: str, runners: Sequence[Heartbeat], left_alone: Mapping[str, OpenBreaker]
    ) -> ProviderCheck:
        if not runners:
            error = "no llm-runner was heard of in the last 15 seconds"
            return ProviderCheck(service=name, status="down", health="down", error=error)
        said = _said(runners[0], name)
        models = self._registry.providers[name].models
        breakers = [_shown(model, left_alone[f"{name}/{model}"]) for model in models if f"{name}/{model}" in left_alone]
        well: Health = "healthy" if said.status == "up" and not breakers else "degraded"
        return ProviderCheck(
            service=name,
            status="down" if said.status == "down" else "up",
            health="down" if said.status == "down" else well,
            latency_ms=said.latency_ms,
            error=said.error,
            family=said.family,
            breakers=breakers,
        )

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


def _shown(model: str, breaker: OpenBreaker) -> LeftAlone:
    return LeftAlone(model=model, until=breaker.until, family=breaker.family, why=breaker.message)


async def _check(name: str, ask: Callable[[], Coroutine[Any, Any, None]]) -> Check:
    began = time.perf_counter()
    try:
        await within(CHECK_TIMEOUT_SECONDS, ask())
    except (AgentWarsError, NatsError, OSError, TimeoutError) as error:
        return Check(service=name, status="down", error=type(error).__name__)
    return Check(service=name, status="up", latency_ms=round((time.perf_counter() - began) * 1000, 2))
