"""Gateways for tests: the real app over ASGI, and a writer that plays the engine's part in the store."""

from asyncio import Event, sleep
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
from httpx import ASGITransport, AsyncClient
from starlette.requests import Request

from gateway.access.callers import ANYBODY, Caller, CallerRole
from gateway.app import Gateway, create_app
from gateway.casting.participants import Casting
from gateway.settings import GatewaySettings
from shared.contracts.conversations import Conversation
from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, RunStatus, Stage
from shared.contracts.identity import conversation_id
from shared.contracts.judgement import CriterionJudgement, Judgement
from shared.contracts.owner import Owner
from shared.contracts.reports import Report, Statistics
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.errors import StoreUnavailable
from shared.messaging.connection import Connection
from shared.routing import Registry, Router
from shared.settings import MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import ended, generation, message

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
log = structlog.stdlib.get_logger("gateway-tests")


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
        await _store_found_away(app)
        yield client


async def _connected(app: Gateway) -> None:
    """Returns once the gateway has its broker: nats-py leaks the socket of a connect that is cancelled half-way."""
    for _ in range(1000):
        if app.state.services.connection.connected:
            return
        await sleep(0.01)
    raise AssertionError("the gateway found no broker in 10 seconds")


async def _store_found_away(app: Gateway) -> None:
    for _ in range(1000):
        try:
            app.state.services.store_watch.check()
        except StoreUnavailable:
            return
        await sleep(0.01)
    raise AssertionError("the gateway did not find out in 10 seconds that its store is away")


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
    return create_app(chosen, REGISTRY, log, Event())


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
    connection = Connection("tests", nats, log)
    await bootstrap(await connection.open(), store, nats, REGISTRY)
    await connection.close()
    yield store
    store.close()


class Writer:
    """Writes what the engine would have written of a run."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id

    async def begin(self, index: int = 1) -> str:
        """A conversation begins; returns its id."""
        identity, moment = conversation_id(self._run_id, index), now()
        await self._store.conversations.insert(
            Conversation(
                id=identity,
                run_id=self._run_id,
                tenant="default",
                index=index,
                started_at=moment,
                clock_started_at=moment,
                deadline_at=moment + timedelta(minutes=30),
            )
        )
        await self._store.runs.start(self._run_id, moment, moment + timedelta(hours=2))
        return identity

    async def say(self, conversation: str, seq: int, content: str) -> None:
        """Message `seq`; the opponent has the odd ones."""
        usage = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=1_000_000)
        await self._store.entries.insert(
            message(
                conversation,
                seq,
                content,
                provider="demo",
                model="demo-fast",
                attempt=f"attempt-{seq}",
                usage=usage,
                latency_ms=12.5,
                ttft_ms=3.5,
                finish_reason="stop",
            )
        )

    async def judge(self, conversation: str, seq: int, quote: str) -> None:
        """A fast judgement of message `seq` that finds the goal met."""
        met = CriterionJudgement(id="goal", status="met", seq=seq, quote=quote)
        judgement = Judgement(
            seq=seq, stage=Stage.FAST, status=JudgementStatus.COMPLETE, confidence=0.95, criteria=(met,)
        )
        stored = generation(conversation, seq, Purpose.JUDGE, Stage.FAST, judgement=judgement)
        await self._store.generations.insert(stored)

    async def end(self, conversation: str, messages: int, reason: EndedReason = EndedReason.GOAL) -> None:
        """The conversation ends and is counted."""
        await self._store.entries.insert(ended(conversation, messages + 1, reason))
        await self._store.conversations.set_totals(
            conversation,
            reason=reason,
            goal_reached=reason is EndedReason.GOAL,
            decided_by=messages,
            messages=messages,
            usage=Usage(cost_nanos=messages * 1_000_000),
            ended_at=now(),
        )
        index = int(conversation.rpartition("-")[2])
        await self._store.runs.count(self._run_id, index, reason is EndedReason.ERROR, None)

    async def report(self, **values: Any) -> None:
        """The run's report is there."""
        stats = Statistics(
            total=1, succeeded=1, unsuccessful=0, errored=0, failed=0, success_rate=1.0, success_interval=(0.2, 1.0)
        )
        report = {
            "run_id": self._run_id,
            "tenant": "default",
            "status": "ready",
            "stats": stats,
            "created_at": now(),
        } | values
        await self._store.reports.insert(Report.model_validate(report))

    async def finish(self, status: RunStatus = RunStatus.COMPLETE) -> None:
        """The run ends."""
        await self._store.runs.finish(self._run_id, status, now(), report_ready=True, usage=Usage())
