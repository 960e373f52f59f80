"""The workers in this process, on real servers, with the demo model or any provider of bytes behind them.

async with workers.runner():                                        # also: orchestrator(), summarizer()
    ...
record = await workers.played(model="demo-fast+500")                # one turn, to its end
answer = await workers.answered(script, dialect="anthropic")        # what a provider's bytes become
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from nats.aio.client import Client

from llm_runner.app import Runner
from llm_runner.settings import BreakerSettings, CallSettings, RetrySettings, RunnerSettings, SlotSettings
from local_stack.demo_registry import demo_registry
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.work import GenerationRequested
from shared.logs import Logger
from shared.messaging.publisher import Publisher
from shared.routing import ModelEntry, ProviderEntry, Registry
from shared.settings import HealthSettings, MongoSettings, NatsSettings
from shared.storage import Store
from shared.topology.bootstrap import bootstrap
from summarizer.app import serve as serve_summarizer
from summarizer.settings import ProcessSettings as SummarizerSettings
from support.builders import run, turn
from support.byte_provider import Answers, ByteProvider, Script, by_model, byte_provider
from support.servers import own_connection, own_store
from support.workers.broker import Broker
from support.workers.provider_answer import ProviderAnswer, provider_answer
from support.workers.run_record import RunRecord, run_record
from unit.local_stack.demo_model_server import DemoModel, demo_model

FAULTS = ("429", "500", "cut-5", "stall", "stall-0", "malformed", "empty", "once-500", "once-429", "refuse")
QUICK = CallSettings(call_first_token_seconds=1.0, call_between_tokens_seconds=0.5)
IMPATIENT = RetrySettings(backoff_first_seconds=0.01)
NEVER_OPEN = BreakerSettings(breaker_failures=1000)
PRICED = ModelEntry(input_usd_per_million=1.0, output_usd_per_million=1.0)
LOG: Logger = structlog.get_logger("workers")


@dataclass
class WorkerEnvironment:
    """The servers and what stands in them; a worker works while its block lasts, as it was set when that began."""

    nats_url: str
    mongo_url: str
    client: Client
    store: Store
    registry: Registry
    model: DemoModel
    keys: dict[str, str] = field(default_factory=dict)
    """The keys of providers, by variable."""
    calls: CallSettings = QUICK
    retries: RetrySettings = IMPATIENT
    breakers: BreakerSettings = NEVER_OPEN
    slots: SlotSettings = field(default_factory=SlotSettings)

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.client)

    @property
    def broker(self) -> Broker:
        return Broker(self.client)

    @property
    def process_settings(self) -> dict[str, Any]:
        """What every worker's process is told."""
        mongo = MongoSettings(mongo_url=self.mongo_url, mongo_database=self.store.database.name)
        return {
            "nats": NatsSettings(nats_url=self.nats_url),
            "mongo": mongo,
            "health": HealthSettings(health_port=-1),
        }

    @property
    def process_environment(self) -> dict[str, str]:
        """The same for a process of its own."""
        known = self.registry.model_dump(mode="json", by_alias=True)["providers"]
        return {
            "AGENTWARS_NATS_URL": self.nats_url,
            "AGENTWARS_MONGO_URL": self.mongo_url,
            "AGENTWARS_MONGO_DATABASE": self.store.database.name,
            "AGENTWARS_PROVIDERS": json.dumps(known),
        }

    @asynccontextmanager
    async def runner(self) -> AsyncIterator[Runner]:
        """An llm-runner at work; stopped as SIGTERM stops it."""
        settings = RunnerSettings(
            **self.process_settings,
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

    @asynccontextmanager
    async def summarizer(self) -> AsyncIterator[None]:
        """A summarizer at work, on connections of its own; stopped as SIGTERM stops it."""
        stopping = asyncio.Event()
        settings = SummarizerSettings(**self.process_settings)
        at_work = asyncio.create_task(serve_summarizer(settings, self.registry, LOG, stopping))
        try:
            yield
            # What ended by itself failed: shown here, not as a later timeout.
            assert not at_work.done(), at_work.exception()
        finally:
            stopping.set()
            await at_work

    async def know(self, **providers: ProviderEntry) -> None:
        """What an operator does to add or change providers: a new registry, and the bootstrap once more."""
        self.registry = self.registry.model_copy(update={"providers": {**self.registry.providers, **providers}})
        await bootstrap(self.client, self.store, NatsSettings(nats_url=self.nats_url), self.registry)

    async def change_demo(self, **changes: Any) -> None:
        """The demo model's entry of the registry, otherwise."""
        await self.know(demo=self.registry.providers["demo"].model_copy(update=changes))

    @asynccontextmanager
    async def provider(
        self, answers: Answers | Mapping[str, Script], name: str = "bytes", **entry: Any
    ) -> AsyncIterator[ByteProvider]:
        """A provider that answers byte by byte: a model for each script, or the model `m`."""
        models = {"m": PRICED} if callable(answers) else dict.fromkeys(answers, PRICED)
        async with byte_provider(answers if callable(answers) else by_model(answers)) as provider:
            known = ProviderEntry.model_validate({"base_url": provider.base_url, "models": models} | entry)
            await self.know(**{name: known})
            yield provider

    async def answered(self, *scripts: Script, dialect: str = "openai", **fields: Any) -> ProviderAnswer:
        """What becomes of these answers, one a call and the last for ever; `fields` are the job's."""
        left = list(scripts)
        async with self.provider(lambda _: left.pop(0) if len(left) > 1 else left[0], dialect=dialect) as provider:
            return provider_answer(await self.played(provider="bytes", model="m", **fields), provider.calls)

    async def begin(self, played: ConversationSettings | None = None, **fields: Any) -> Run:
        """A run of one conversation, stored."""
        begun = run(played=played, **fields)
        await self.store.runs.insert(begun)
        return begun

    async def ask(self, *of: GenerationRequested) -> None:
        for job in of:
            await self.publisher.work(job)

    async def asked(self, seq: int = 1, **fields: Any) -> Run:
        """A new run, and the job of its message `seq`; `fields` are the job's."""
        begun = await self.begin()
        await self.ask(turn(begun, seq, **fields))
        return begun

    async def played(self, seq: int = 1, **fields: Any) -> RunRecord:
        """A turn of a new run, to its end."""
        return await self.worked(await self.asked(seq, **fields))

    async def worked(self, of: Run, patience: float = 20.0) -> RunRecord:
        """What stands of a run when an llm-runner has done every job."""
        async with self.runner():
            await self.broker.no_jobs(patience)
        return await self.record(of)

    async def record(self, of: Run) -> RunRecord:
        return await run_record(self.store, self.broker, of)

    async def in_flight(self, calls: int = 1) -> bool:
        """Whether so many calls are under way at the demo model."""
        return int((await self.model.ledger())["inFlight"]) == calls

    async def calls_made(self) -> list[dict[str, Any]]:
        """The demo model's ledger, once no call is running."""
        return await self.model.settled_ledger()


@asynccontextmanager
async def worker_environment(
    nats_url: str, mongo_url: str, registry: Registry | None = None
) -> AsyncIterator[WorkerEnvironment]:
    """The topology on a nats-server of the test's own, a database of its own, and a demo model without delays."""
    async with (
        demo_model() as model,
        own_connection(nats_url) as client,
        own_store(mongo_url) as store,
    ):
        demo = {"providers": json.loads(demo_registry(model.url, [f"demo-fast+{fault}" for fault in FAULTS]))}
        known = registry or Registry.model_validate(demo)
        await bootstrap(client, store, NatsSettings(nats_url=nats_url), known)
        yield WorkerEnvironment(nats_url, mongo_url, client, store, known, model)
