"""The three services of the engine as the product wires them, over a store and a broker in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import orjson
from nats.aio.client import Client

from llm_runner.announcer import Announcer
from llm_runner.attempt_history import AttemptHistories
from llm_runner.control import ControlSignals
from llm_runner.deltas import DeltaPublisher
from llm_runner.failover.circuit_breakers import CircuitBreakers
from llm_runner.failover.failed_attempts import FailedAttempts
from llm_runner.failover.next_route import NextRoutes
from llm_runner.failover.reservations import Reservations
from llm_runner.handlers import JobHandler
from llm_runner.job_settlement import JobSettlement
from llm_runner.keepalive import JobKeepAlive
from llm_runner.leased_jobs import LeasedJobs
from llm_runner.outcomes import Outcomes
from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import Chunk, Provider, ProviderFailure, TakeChunk, TokenCount
from llm_runner.settings import BreakerSettings, CallSettings, RetrySettings
from llm_runner.usage_ledger import UsageLedger
from model.broker import Broker, MemoryClient
from model.documents import MemoryStore, Table
from model.loops import Clock, Process
from orchestrator.closing import Closing
from orchestrator.conversations import ConversationLooks
from orchestrator.effects import Effects
from orchestrator.failed_looks import FailedLooks
from orchestrator.given_messages import GivenMessages
from orchestrator.handlers import Handlers
from orchestrator.job_factory import JobFactory
from orchestrator.runs import RunLooks
from orchestrator.settings import OrchestratorSettings
from orchestrator.sweeper import Sweeper
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason, Lane
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.direct import TextSink
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.messaging.subscriptions import FastSubscription, Handler, Settler, settled_by
from shared.routing import Router
from shared.settings import ChatSettings
from shared.topology.streams import ACK_WAIT_SECONDS
from summarizer.coalesced_looks import CoalescedLooks
from summarizer.effects import Effects as ReportEffects
from summarizer.handlers import GivenUpTriggers
from summarizer.handlers import Handlers as ReportHandlers
from summarizer.looks import ReportLooks
from summarizer.memory_looks import MemoryLooks
from summarizer.report_endings import ReportEndings
from support.builders import registry

REGISTRY = registry()
# Every chat grows long soon: its third answer has its first messages summed up.
SUMMED_UP_SOON = {"summary_starts_tokens": 50}
ORCHESTRATOR = OrchestratorSettings().model_copy(update=SUMMED_UP_SOON)
BREAKERS = BreakerSettings(breaker_failures=1_000_000)
RETRIES, CALLS, CHATS = RetrySettings(), CallSettings(), ChatSettings().model_copy(update=SUMMED_UP_SOON)
HANDLER_LIMIT_SECONDS = 120.0
JOB_LIMIT_SECONDS = 330.0
PROMPT_TOKENS, ANSWER_TOKENS, SUMMARY_TOKENS = 40, 20, 200
Take = Callable[[Any], Any]
"""Handles one delivery."""


class Quiet:
    """A log nobody reads; errors are kept, for they explain a history."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, event: str, **named: Any) -> None:
        self.errors.append(f"{event}: {named}")

    def warning(self, event: str, **named: Any) -> None:
        """Not kept."""

    info = debug = warning


@dataclass
class Call:
    """One call as the provider saw it; `tokens` once it was answered."""

    attempt: str
    judge: bool
    began: float
    process: Process
    tokens: TokenCount | None = None
    broke: bool = False
    """Whether our own code failed on its answer."""


class OurFault(Exception):
    """A fault of our own code, as any of its lines may have one."""


@dataclass
class Ledger:
    """The provider's own account of calls, and how it answers the next one."""

    clock: Clock
    calls: list[Call] = field(default_factory=list)
    outcome: str = "good"

    def answer(self, call: Call, prompt: Prompt) -> list[Chunk | Exception]:
        """What comes back now; a failure costs the provider nothing."""
        if self.outcome in FAILURES:
            call.broke = self.outcome == BREAKS
            return [FAILURES[self.outcome]()]
        call.tokens = TokenCount(PROMPT_TOKENS, ANSWER_TOKENS)
        text = self._judgement(prompt) if call.judge else f"message {len(self.calls)} says something of its own"
        return [Chunk(text=text), Chunk(finish_reason=FinishReason.STOP, tokens=call.tokens)]

    def _judgement(self, prompt: Prompt) -> str:
        if self.outcome == "unparsed":
            return "I think it went well."
        if self.outcome != "complete":
            return '{"status": "incomplete", "confidence": 0.9, "criteria": []}'
        *_, last = (line for line in str(prompt.turns[-1].parts[0]).splitlines() if line.startswith("["))
        number, _, said = last.partition("] ")
        quote = {"id": "goal", "status": "met", "seq": int(number[1:]), "quote": said.partition(": ")[2]}
        return orjson.dumps({"status": "complete", "confidence": 0.9, "criteria": [quote]}).decode()


BREAKS = "breaks"
FAILURES: dict[str, Callable[[], Exception]] = {
    BREAKS: OurFault,
    "fails": lambda: ProviderFailure(Family.OVERLOADED, "it broke", charged=False),
    "refuses": lambda: ProviderFailure(Family.BAD_REQUEST, "never", charged=False),
    "later": lambda: ProviderFailure(Family.RATE_LIMIT, "not now", charged=False, retry_after=timedelta(seconds=30)),
}
OUTCOMES = ("good", "good", "complete", "unparsed", *FAILURES)


class MemoryProvider:
    """A provider whose every call is seen by the ledger when it begins."""

    def __init__(self, process: Process, ledger: Ledger) -> None:
        self.name = "demo"
        self.entry = REGISTRY.providers["demo"]
        self._process = process
        self._ledger = ledger

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        call = Call(attempt, prompt.answer_format is not None, self._ledger.clock.seconds, self._process)
        self._ledger.calls.append(call)
        for chunk in await self._process.outside("model", lambda: self._ledger.answer(call, prompt)):
            if isinstance(chunk, Exception):
                raise chunk
            take(chunk)


@dataclass
class Service:
    """What the system needs of a service in a process: how it takes what is delivered, by subject."""

    takes: Mapping[str, Take]
    log: Quiet
    counts: DeliveryCounts
    sweeper: Sweeper | None = None
    jobs: LeasedJobs | None = None
    signals: ControlSignals | None = None


@dataclass(frozen=True)
class Surroundings:
    """What every process shares."""

    tables: dict[str, Table]
    broker: Broker
    ledger: Ledger


def begin(process: Process, around: Surroundings) -> Service:
    """Wires the service of the process's role."""
    service = {"orchestrator": _orchestrator, "runner": _runner, "summarizer": _summarizer}[process.role](
        process, around
    )
    process.service = service
    return service


def _log() -> tuple[Quiet, Logger]:
    quiet = Quiet()
    return quiet, cast(Logger, quiet)


def store_of(process: Process, around: Surroundings) -> MemoryStore:
    return MemoryStore(process, around.tables)


def client_of(process: Process, around: Surroundings) -> Client:
    return cast(Client, MemoryClient(around.broker, process))


def _orchestrator(process: Process, around: Surroundings) -> Service:
    quiet, log = _log()
    store, client = store_of(process, around), client_of(process, around)
    publisher = Publisher(client)
    closing, given = Closing(store, publisher), GivenMessages(store, publisher)
    jobs = JobFactory(Router(REGISTRY), ORCHESTRATOR)
    effects = Effects(store, publisher, jobs)
    conversations = ConversationLooks(store, effects, closing, given, jobs, ORCHESTRATOR)
    runs = RunLooks(store, publisher, effects, conversations)
    give_up = FailedLooks(store, publisher, runs, conversations, effects, log)
    settlement = Settlement(log, give_up, ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    handlers = Handlers(store, runs, conversations, closing)
    sweeper = Sweeper(store, publisher, client, ORCHESTRATOR, log)
    by_subject: dict[str, Handler] = {"cmd.run": handlers.on_command, "llm.done.orchestrator": handlers.on_done}
    return _service(around, quiet, settlement, by_subject, sweeper=sweeper)


def _runner(process: Process, around: Surroundings) -> Service:
    quiet, log = _log()
    store, client = store_of(process, around), client_of(process, around)
    publisher = Publisher(client)
    announcer = Announcer(publisher)
    providers: dict[str, Provider] = {"demo": MemoryProvider(process, around.ledger)}
    books = UsageLedger(store, announcer, providers, ORCHESTRATOR.expected_output_tokens)
    outcomes = Outcomes(store, announcer, books)
    breakers = CircuitBreakers(store, client, BREAKERS, log)
    routes, reservations = NextRoutes(Router(REGISTRY), breakers), Reservations(store, 600)
    failures = FailedAttempts(publisher, announcer, books, outcomes, routes, reservations, RETRIES, BREAKERS)
    deltas = DeltaPublisher(cast(TextSink, client), log)
    histories = AttemptHistories(client, store)
    handler = JobHandler(
        store, histories, announcer, books, outcomes, failures, breakers, deltas, providers, CALLS, RETRIES, CHATS
    )
    jobs = LeasedJobs()
    settlement = JobSettlement(handler, announcer, jobs, JOB_LIMIT_SECONDS, log)
    connection = cast(Connection, _Connected())
    for lane in Lane:
        process.start(JobKeepAlive(lane, jobs, connection, store, log).run())
    by_subject: dict[str, Handler] = {f"llm.do.demo.{lane}": settlement.on_job for lane in Lane}
    return _service(around, quiet, settlement, by_subject, jobs=jobs, signals=ControlSignals(jobs, log))


class _Connected:
    connected = True


def _summarizer(process: Process, around: Surroundings) -> Service:
    quiet, log = _log()
    store = store_of(process, around)
    publisher = Publisher(client_of(process, around))
    looks = ReportLooks(store, ReportEffects(store, publisher), Router(REGISTRY), 600, log)
    memories = MemoryLooks(store, publisher, Router(REGISTRY), SUMMARY_TOKENS, log)
    give_up = ReportEndings(GivenUpTriggers(publisher, memories), looks, store, publisher, log)
    settlement = Settlement(log, give_up, ACK_WAIT_SECONDS, HANDLER_LIMIT_SECONDS)
    handlers = ReportHandlers(CoalescedLooks(looks.look, 2), memories)
    by_subject: dict[str, Handler] = {
        "report.do": handlers.on_report_requested,
        "llm.done.summarizer": handlers.on_generation_stored,
        "memory.do": handlers.on_memory_requested,
    }
    return _service(around, quiet, settlement, by_subject)


def _service(
    around: Surroundings, quiet: Quiet, settlement: Settler, handlers: Mapping[str, Handler], **more: Any
) -> Service:
    """It takes what is delivered the fast way, which is that of FastStream without a broker."""
    chain, counts = [settled_by(settlement)], DeliveryCounts(around.broker.work.sequence)
    takes = {subject: FastSubscription(chain, handler, counts).consume for subject, handler in handlers.items()}
    return Service(takes, quiet, counts, **more)
