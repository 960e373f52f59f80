"""Wires llm-runner: one pull a lane of each provider, one heartbeat a lane, one handler for every job."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from nats.aio.client import Client

from llm_runner.announcer import Announcer
from llm_runner.attempt_history import AttemptHistories
from llm_runner.call_deadline import Interruption
from llm_runner.control import ControlSignals
from llm_runner.deltas import DeltaPublisher
from llm_runner.failover.circuit_breakers import CircuitBreakers
from llm_runner.failover.failed_attempts import FailedAttempts
from llm_runner.failover.next_route import NextRoutes
from llm_runner.failover.reservations import Reservations
from llm_runner.handlers import JobHandler
from llm_runner.job_settlement import JOBS, JobSettlement
from llm_runner.keepalive import JobKeepAlive
from llm_runner.leased_jobs import LeasedJobs
from llm_runner.outcomes import Outcomes
from llm_runner.provider_health import provider_health
from llm_runner.providers.client import HttpProvider
from llm_runner.providers.dialects import dialect_of
from llm_runner.providers.provider import Provider
from llm_runner.providers.read_ticker import ReadTicker
from llm_runner.providers.redaction import Redaction
from llm_runner.providers.watched_provider import WatchedProvider
from llm_runner.settings import RunnerSettings
from llm_runner.usage_ledger import UsageLedger
from shared.cancellation import cancel_all
from shared.contracts import subjects
from shared.contracts.enums import Lane
from shared.logs import Logger, configure
from shared.messaging.publisher import Publisher
from shared.messaging.pull import Take, WorkPull
from shared.messaging.subscriptions import FastSubscription, settled_by
from shared.routing import ProviderEntry, Registry, Router, load_registry
from shared.settings import LogSettings
from shared.worker.worker import Work, Worker

SERVICE = "llm-runner"
HANDLER_MARGIN_SECONDS = 30.0
LEAVING_SECONDS = 5.0


class Runner:
    """llm-runner as one object: `run` works until `stopping` is set, then leaves no job unsettled.

    Raises UnknownDialect for a provider that nobody here can call.
    """

    def __init__(
        self, registry: Registry, keys: Mapping[str, str], log: Logger, settings: RunnerSettings | None = None
    ) -> None:
        self._registry = registry
        self._dialects = {name: dialect_of(name, entry) for name, entry in registry.providers.items()}
        self._keys = keys
        self._redaction = Redaction.of(registry.providers, keys)
        self._log = log
        self._settings = settings or RunnerSettings()
        self._worker = Worker(SERVICE, self._needed(), self._settings, registry, log)
        self._connection, self._store = self._worker.connection, self._worker.store
        self._jobs = LeasedJobs()
        self._pulls: list[WorkPull] = []

    async def run(self, stopping: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            await self._worker.run(partial(self._begin, stack), stopping)

    async def _begin(self, stack: AsyncExitStack) -> Work:
        client = self._connection.client
        ticker = ReadTicker(self._settings.calls.delta_interval_seconds)
        everyone = self._registry.providers.items()
        providers = {name: self._provider(name, entry, ticker, stack) for name, entry in everyone}
        breakers = CircuitBreakers(self._store, client, self._settings.breakers, self._log)
        await breakers.start()
        deltas = DeltaPublisher(self._connection.text_sink, self._log)
        settlement = self._settlement(client, deltas, dict(providers), breakers)
        broker = self._connection.broker
        broker.add_middleware(settled_by(settlement))
        handler, counts = JOBS.handler(settlement), self._worker.delivery_counts
        jobs = FastSubscription(broker.middlewares, handler, counts, broker.context)
        self._pulls = [self._pull(client, name, lane, jobs.consume) for name in providers for lane in Lane]
        await ControlSignals(self._jobs, self._log).start(client)
        beats = [JobKeepAlive(lane, self._jobs, self._connection, self._store, self._log) for lane in Lane]
        duties = [*(beat.run() for beat in beats), *(pull.run() for pull in self._pulls)]
        return Work(duties, self._leave, partial(provider_health, providers, self._jobs))

    async def _leave(self) -> None:
        """Takes no more, lets jobs end for a while, hands the rest over."""
        await asyncio.gather(*(pull.stop() for pull in self._pulls))
        await self._ended(self._settings.slots.runner_stop_seconds)
        for leased in self._jobs:
            leased.interrupt(Interruption.HANDED_OVER)
        await self._ended(LEAVING_SECONDS)
        self._log.info("llm-runner leaves", unsettled=self._jobs.count)
        await cancel_all(self._tasks)

    async def _ended(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for pull in self._pulls for task in pull.tasks]

    def _pull(self, client: Client, provider: str, lane: Lane, take: Take) -> WorkPull:
        # Not bounded by the lane's limit as it is now: the durable holds it, over all replicas, and may change live.
        slots = self._settings.slots.slots(lane)
        durable = subjects.lane_durable(provider, lane)
        pull = WorkPull(client, durable, slots, take, self._log)
        self._connection.on_reconnected(pull.reset)
        return pull

    def _settlement(
        self, client: Client, deltas: DeltaPublisher, providers: dict[str, Provider], breakers: CircuitBreakers
    ) -> JobSettlement:
        settings, publisher = self._settings, Publisher(client)
        announcer = Announcer(publisher)
        ledger = UsageLedger(self._store, announcer, providers, settings.output.expected_output_tokens)
        outcomes = Outcomes(self._store, announcer, ledger, self._redaction)
        failures = FailedAttempts(
            publisher,
            announcer,
            ledger,
            outcomes,
            NextRoutes(Router(self._registry), breakers),
            Reservations(self._store, settings.output.reserved_output_tokens),
            settings.retries,
            settings.breakers,
        )
        handler = JobHandler(
            self._store,
            AttemptHistories(client, self._store),
            announcer,
            ledger,
            outcomes,
            failures,
            breakers,
            deltas,
            providers,
            settings.calls,
            settings.retries,
            settings.chats,
        )
        limit = settings.calls.call_total_seconds + HANDLER_MARGIN_SECONDS
        return JobSettlement(handler, announcer, self._jobs, limit, self._log)

    def _provider(self, name: str, entry: ProviderEntry, ticker: ReadTicker, stack: AsyncExitStack) -> WatchedProvider:
        """A provider whose key is missing stays: its jobs fail with a sentence that names the variable."""
        key = self._keys.get(entry.key_variable) if entry.key_variable else None
        connect_seconds = self._settings.calls.call_connect_seconds
        provider = HttpProvider(name, entry, self._dialects[name], key, connect_seconds, ticker, self._redaction)
        stack.push_async_callback(provider.close)
        unusable = provider.unusable()
        if unusable:
            self._log.warning("provider without a key", provider=name, variable=entry.key_variable)
        return WatchedProvider(provider, str(unusable) if unusable else None)

    def _needed(self) -> list[str]:
        durables = [subjects.lane_durable(name, lane) for name in self._registry.providers for lane in Lane]
        return [subjects.WORK, subjects.RUN_EVENTS, *(f"{subjects.WORK}/{durable}" for durable in durables)]


async def main(stopping: asyncio.Event) -> None:
    """The process: settings from the environment, work until it is asked to stop."""
    registry = load_registry()
    log = configure(SERVICE, LogSettings(), Redaction.of(registry.providers, os.environ).text)
    await Runner(registry, os.environ, log).run(stopping)
