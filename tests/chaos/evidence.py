"""Everything the servers and the ledger hold at the end, read once; the checks then only compare."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import httpx
import orjson

from chaos.chaos_log import Body, ChaosLog
from chaos.ledger import Call, read_ledger
from chaos.system import System
from invariants import FACTS, Event
from shared.contracts import subjects
from shared.contracts.enums import RunKind
from shared.contracts.events import AttemptStarted
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import generation_key
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.messaging import history
from support.work_left import work_left

AT_ONCE = 8
ZOMBIE_SECONDS = 5.0
TIME_HEADER = "Nats-Time-Stamp"


@dataclass
class RunEvidence:
    """What is stored of one run."""

    run: Run
    transcripts: dict[str, list[Entry]]
    generations: list[Generation]
    usage: list[UsageRow]
    facts: list[Event]
    fact_times: list[float]
    """When each fact came to stand on the stream, seconds since 1970."""
    key_of_attempt: dict[str, str]

    @property
    def booked(self) -> dict[str, Entry | Generation | UsageRow]:
        """Whatever holds the cost of an attempt, by attempt; a result before a usage row."""
        found: dict[str, Entry | Generation | UsageRow] = {row.id: row for row in self.usage}
        entries = [entry for some in self.transcripts.values() for entry in some]
        results: list[Entry | Generation] = [*entries, *self.generations]
        found |= {one.attempt: one for one in results if one.attempt is not None}
        return found

    @property
    def moves(self) -> dict[str, list[float]]:
        """When each conversation was seen to move, in order."""
        found: dict[str, list[float]] = defaultdict(list)
        for fact, at in zip(self.facts, self.fact_times, strict=True):
            if conversation := fact.fields.get("conversationId"):
                found[conversation].append(at)
        return found

    @property
    def ends(self) -> dict[str, float]:
        """When each conversation was said to have ended."""
        return {
            fact.fields["conversationId"]: at
            for fact, at in zip(self.facts, self.fact_times, strict=True)
            if fact.type == "conversation.ended"
        }


@dataclass(frozen=True)
class SilentLook:
    """A look that a sweeper published because of silence, as its log says."""

    at: float
    text: str
    run_id: str = ""


@dataclass
class Evidence:
    """All of it."""

    record: ChaosLog
    calls: list[Call]
    runs: dict[str, RunEvidence] = field(default_factory=dict)
    dead_letters: list[str] = field(default_factory=list)
    """The subject of each."""
    silent_looks: list[SilentLook] = field(default_factory=list)
    chat_looks: list[SilentLook] = field(default_factory=list)
    """Those at a chat with an unanswered message."""
    shown: dict[str, list[Body]] = field(default_factory=dict)
    """Each chat as every gateway shows it, by run id."""
    work_left: list[str] = field(default_factory=list)
    pending: dict[str, int] = field(default_factory=dict)

    @property
    def ending(self) -> dict[str, RunEvidence]:
        """The runs that have an end to come to."""
        return {run_id: one for run_id, one in self.runs.items() if one.run.kind is not RunKind.CHAT}

    @property
    def zombie_deaths(self) -> list[float]:
        """When processes died that had just woken up."""
        strikes = self.record.strikes
        pairs = [(freeze, kill) for freeze in strikes for kill in strikes if set(freeze.frozen) & set(kill.killed)]
        return [kill.began for freeze, kill in pairs if 0 <= kill.began - freeze.ended <= ZOMBIE_SECONDS]

    @property
    def run_of_attempt(self) -> dict[str, str]:
        return {attempt: run_id for run_id, one in self.runs.items() for attempt in one.key_of_attempt}


async def gather(system: System) -> Evidence:
    """Reads the store, the streams and the ledger. Raises TransientError where they are away."""
    evidence = Evidence(system.record, read_ledger(system.ledger))
    evidence.silent_looks, evidence.chat_looks = _looks(system, '"silent '), _looks(system, '"unanswered message"')
    ids = [document["_id"] async for document in system.store.collection("runs").find({}, {"_id": 1})]
    waiting = iter(sorted(ids))
    while some := list(islice(waiting, AT_ONCE)):
        for one in await asyncio.gather(*(_read(system, run_id) for run_id in some)):
            evidence.runs[one.run.id] = one
    for chat in system.record.chats:
        if chat.run_id is not None:
            evidence.shown[chat.run_id] = [await _shown(gateway, chat.client_id) for gateway in system.gateways]
    evidence.work_left = list(await work_left(system.client))
    evidence.dead_letters = [one.subject async for one in history.read(system.client, subjects.DEAD_LETTERS, ">")]
    evidence.pending = await held(system)
    return evidence


async def held(system: System) -> dict[str, int]:
    """What each consumer of `WORK` has still to deliver, or to hear of."""
    consumers = await system.client.jetstream().consumers_info(subjects.WORK)
    return {one.name: (one.num_pending or 0) + (one.num_ack_pending or 0) for one in consumers}


async def _shown(gateway: httpx.AsyncClient, client_id: str) -> Body:
    answer = await gateway.get(f"/api/chat/{client_id}")
    shown: Body = answer.json()
    return shown


def _looks(system: System, reason: str) -> list[SilentLook]:
    logs = sorted(system.stack.logs.glob("orchestrator-*.log"))
    lines = [line for file in logs for line in file.read_text(errors="replace").splitlines()]
    return [_look(line) for line in lines if '"look owed"' in line and reason in line]


def _look(line: str) -> SilentLook:
    said = orjson.loads(line)
    at = datetime.fromisoformat(said["timestamp"]).timestamp()
    text = f"{said['reason']} {said.get('conversation_id') or said['run_id']} at {at:.1f}"
    return SilentLook(at, text, said["run_id"])


async def _read(system: System, run_id: str) -> RunEvidence:
    store = system.store
    run = await store.runs.get(run_id)
    if run is None:
        raise LookupError(f"run {run_id} was deleted while it was read")
    ids = [run.conversation_id(index) for index in range(1, run.total + 1)]
    transcripts = await store.entries.of_conversations(ids)
    generations, usage = await store.generations.of_run(run_id), await store.usage.of_run(run_id)
    found = RunEvidence(run, transcripts, generations, usage, [], [], {row.id: row.generation for row in usage})
    async for stored in history.read(system.client, subjects.RUN_EVENTS, subjects.events(run_id)):
        event = Event(stored.sequence, stored.message_id, orjson.loads(stored.data))
        if event.type in FACTS:
            found.facts.append(event)
            found.fact_times.append(datetime.fromisoformat(stored.headers[TIME_HEADER]).timestamp())
        if event.type == "attempt.started":
            started = AttemptStarted.model_validate_json(stored.data)
            about = started.conversation_id or run_id
            key = generation_key(about, started.seq, started.purpose, started.stage, started.pass_number)
            found.key_of_attempt[started.attempt] = key
    return found
