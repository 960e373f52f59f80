"""An llm-runner on real servers of a test's own, with the demo model behind it, and what a test asks of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from nats.aio.client import Client

from llm_runner.app import Runner
from llm_runner.settings import BreakerSettings, CallSettings, RetrySettings, RunnerSettings, SlotSettings
from local_stack.demo_registry import demo_registry
from shared.contracts import subjects
from shared.contracts.enums import Purpose, Side
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested
from shared.logs import Logger
from shared.messaging import history
from shared.messaging.publisher import Publisher
from shared.routing import Registry
from shared.settings import HealthSettings, MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from support.builders import OPPONENT, run, scenario
from support.eventually import eventually
from support.servers import database_name, own_connection, own_store
from unit.local_stack.demo_model_server import DemoModel, demo_model

PATIENCE_SECONDS = 20
POLL_SECONDS = 0.01
FAULTS = ("429", "500", "cut-5", "stall", "stall-0", "malformed", "empty", "once-500", "once-429", "refuse")
QUICK = CallSettings(call_first_token_seconds=1.0, call_between_tokens_seconds=0.5)
IMPATIENT = RetrySettings(backoff_first_seconds=0.01)
NEVER_OPEN = BreakerSettings(breaker_failures=1000)
LOG: Logger = structlog.get_logger("test")


@dataclass
class World:
    """The servers, and everything that stands in them."""

    nats_url: str
    client: Client
    store: Store
    registry: Registry
    model: DemoModel
    calls: CallSettings = QUICK
    retries: RetrySettings = IMPATIENT
    breakers: BreakerSettings = NEVER_OPEN
    slots: SlotSettings = field(default_factory=SlotSettings)

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.client)

    @asynccontextmanager
    async def runner(self) -> AsyncIterator[Runner]:
        """A runner at work; stopped as SIGTERM stops it."""
        settings = RunnerSettings(
            nats=NatsSettings(nats_url=self.nats_url),
            mongo=MongoSettings(mongo_url=self.mongo_url, mongo_database=self.store.database.name),
            health=HealthSettings(health_port=-1),
            slots=self.slots,
            calls=self.calls,
            retries=self.retries,
            breakers=self.breakers,
        )
        stopping = asyncio.Event()
        runner = Runner(self.registry, self.keys, LOG, settings)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(runner.run(stopping))
            try:
                yield runner
            finally:
                stopping.set()

    mongo_url: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    """The keys of providers, by variable."""

    async def begin(self, played: ConversationSettings | None = None, **fields: object) -> Run:
        """A run of one conversation, stored."""
        begun = run(played=played or scenario(), **fields)  # type: ignore[arg-type] # fields of the run
        await self.store.runs.insert(begun)
        return begun

    async def ask(self, of: GenerationRequested) -> None:
        await self.publisher.work(of)

    async def facts(self, run_id: str) -> list[dict[str, Any]]:
        """The run's events, in order."""
        stream = history.read(self.client, subjects.RUN_EVENTS, subjects.events(run_id))
        return [json.loads(stored.data) async for stored in stream]

    async def types(self, run_id: str) -> list[str]:
        return [fact["type"] for fact in await self.facts(run_id)]

    async def deltas(self, run_id: str) -> list[dict[str, Any]]:
        stream = history.read(self.client, subjects.RUN_EVENTS, f"run.{run_id}.text.*")
        return [json.loads(stored.data) async for stored in stream]

    async def dones(self, subject: str = subjects.DONE_ORCHESTRATOR) -> list[dict[str, Any]]:
        """The dones that wait for their orchestrator."""
        return [json.loads(stored.data) async for stored in history.read(self.client, subjects.WORK, subject)]

    async def jobs(self) -> list[dict[str, Any]]:
        """The jobs that are not acknowledged, delayed ones included."""
        waiting = [json.loads(stored.data) async for stored in history.read(self.client, subjects.WORK, "llm.do.*.*")]
        later = [json.loads(stored.data) async for stored in history.read(self.client, subjects.WORK, "later.>")]
        return waiting + later

    async def dead_letters(self) -> list[dict[str, Any]]:
        return [json.loads(stored.data) async for stored in history.read(self.client, subjects.DEAD_LETTERS, "dlq.>")]

    async def settled(self, patience: float = PATIENCE_SECONDS) -> None:
        """Waits until no job is left."""
        await eventually(self._no_jobs, "no job is left", patience)

    async def _no_jobs(self) -> bool:
        return not await self.jobs()

    async def calls_made(self) -> list[dict[str, Any]]:
        """The demo model's ledger, once no call is running."""
        return await self.model.settled_ledger()


@asynccontextmanager
async def world(nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    """A topology on an own nats-server, a database of its own, and a demo model without delays."""
    database = database_name()
    async with demo_model() as model, own_connection(nats_url) as client, own_store(mongo_url, database) as store:
        providers = json.loads(demo_registry(model.url, [f"demo-fast+{fault}" for fault in FAULTS]))
        registry = Registry.model_validate({"providers": providers})
        await bootstrap(client, store, NatsSettings(nats_url=nats_url), registry)
        yield World(nats_url, client, store, registry, model, mongo_url=mongo_url)


def turn(of: Run, seq: int = 1, model: str = "demo-fast", **fields: Any) -> GenerationRequested:
    """The job of message `seq` of a run's first conversation."""
    common = {
        "run_id": of.id,
        "at": now(),
        "conversation_id": conversation_id(of.id, 1),
        "seq": seq,
        "purpose": Purpose.TURN,
        "side": Side.OPPONENT if seq % 2 else Side.AGENT,
        "provider": "demo",
        "model": model,
        "first_job_at": of.created_at,
    }
    return GenerationRequested.model_validate(common | fields)


def played_by(model: str, opponent_prompt: str = "You want a refund for a broken kettle.") -> ConversationSettings:
    """A conversation whose opponent is a persona on `model`."""
    opponent = OPPONENT.model_copy(update={"system_prompt": opponent_prompt, "model": model})
    return scenario().model_copy(update={"opponent": opponent})


def names(of: Sequence[dict[str, Any]], key: str) -> list[Any]:
    """One field of each."""
    return [one[key] for one in of]
