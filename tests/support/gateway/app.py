"""The real app over ASGI, with and without servers."""

from asyncio import Event
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from httpx import ASGITransport, AsyncClient
from starlette.requests import Request

from gateway.access.callers import ANYBODY, Caller, CallerRole
from gateway.app import Gateway, create_app
from gateway.casting.participants import Casting
from gateway.settings import GatewaySettings
from shared.contracts.owner import Owner
from shared.errors import StoreUnavailable
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.routing import Registry, Router
from shared.settings import MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.eventually import eventually

DEAD_NATS = "nats://127.0.0.1:9"
DEAD_MONGO = "mongodb://127.0.0.1:9/?directConnection=true"
_PRICES = {"contextWindow": 32_000, "maxOutputTokens": 4_096, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
REGISTRY = Registry.model_validate(
    {
        "providers": {
            "demo": {
                "baseUrl": "http://127.0.0.1:9/v1",
                "concurrency": 256,
                "liveConcurrency": 32,
                "models": {
                    "demo-fast": _PRICES | {"tier": "fast"},
                    "demo-standard": _PRICES | {"tier": "standard", "inputUsdPerMillion": 0.15},
                },
            },
            "other": {
                "baseUrl": "http://127.0.0.1:9/v1",
                "concurrency": 4,
                "liveConcurrency": 2,
                "models": {"big": {}},
            },
        }
    }
)
ROUTER = Router(REGISTRY)
CASTING = Casting(ROUTER, temperature=0.7)
LOG: Logger = structlog.stdlib.get_logger("gateway-tests")


@asynccontextmanager
async def gateway(
    nats_url: str, mongo_url: str, database: str = "gateway_rest", **settings: Any
) -> AsyncIterator[AsyncClient]:
    """A client of a gateway of its own, whose lifespan has begun."""
    app = gateway_app(nats_url, mongo_url, database, **settings)
    async with app.router.lifespan_context(app), client_of(app) as client:
        if nats_url != DEAD_NATS:
            await _connected(app)
        yield client


@asynccontextmanager
async def gateway_without_store(nats_url: str) -> AsyncIterator[AsyncClient]:
    """A client of a gateway that has found out by itself that its store is away."""
    app = gateway_app(nats_url, DEAD_MONGO)
    async with app.router.lifespan_context(app), client_of(app) as client:
        await _connected(app)
        await eventually(lambda: _store_found_away(app), "the store's absence")
        yield client


async def _connected(app: Gateway) -> None:
    """Returns once the gateway has its broker: nats-py leaks the socket of a connect that is cancelled half-way."""
    await eventually(lambda: app.state.services.connection.connected, "the gateway's connection to its broker")


def _store_found_away(app: Gateway) -> bool:
    try:
        app.state.services.store_watch.check()
    except StoreUnavailable:
        return True
    return False


@asynccontextmanager
async def alone() -> AsyncIterator[tuple[Gateway, AsyncClient]]:
    """A gateway whose lifespan has not begun and which has no servers, and its client."""
    app = gateway_app(DEAD_NATS, DEAD_MONGO)
    async with client_of(app) as client:
        yield app, client
    app.state.store.close()


def gateway_app(nats_url: str, mongo_url: str, database: str = "gateway_rest", **settings: Any) -> Gateway:
    """The app on these servers; whoever makes it begins its lifespan or closes its store."""
    chosen = GatewaySettings(nats_url=nats_url, mongo_url=mongo_url, mongo_database=database, **settings)
    return create_app(chosen, REGISTRY, LOG, Event())


def by_headers(request: Request) -> Caller:
    """A caller who says their tenant, as a key will: `app.named` of a gateway whose callers are of many tenants."""
    owner = Owner(request.headers.get("X-Tenant", ANYBODY.tenant), request.headers.get("X-User-Id", ANYBODY.user))
    return Caller(owner, frozenset(CallerRole))


def client_of(app: Gateway) -> AsyncClient:
    """A client of the app as it is, lifespan begun or not."""
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://gateway", timeout=20)


@asynccontextmanager
async def prepared(nats_url: str, mongo_url: str, database: str) -> AsyncIterator[Store]:
    """The store, with indexes and streams made."""
    nats = NatsSettings(nats_url=nats_url, events_max_bytes=64 * 1024**2)
    store = Store(MongoSettings(mongo_url=mongo_url, mongo_database=database))
    connection = Connection("tests", nats, LOG)
    await bootstrap(await connection.open(), store, nats, REGISTRY)
    await connection.close()
    yield store
    store.close()
