"""The invariants of the turn protocol (docs/protocol.md section 11), read from the store and the streams.

Each function raises AssertionError, named for its invariant, with what it found. They hold for a run that has ended
and is at rest, whatever happened on the way there.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client

from shared.contracts import subjects
from shared.contracts.enums import EntryKind, Purpose, RunKind
from shared.contracts.generations import Generation
from shared.contracts.identity import content_hash
from shared.contracts.runs import Run
from shared.contracts.transcript import MESSAGE_EVENT_LIMIT, Entry
from shared.messaging import history
from shared.run_endings import total_usage
from shared.storage import Store

FACTS = frozenset({"run.started", "message", "judgement", "conversation.ended", "report.ready", "run.ended"})
SPOKEN = frozenset({Purpose.TURN, Purpose.CHAT, Purpose.ASSIST})


@dataclass(frozen=True, slots=True)
class Witness:
    """Where truth is read: the store, and a connection to the broker."""

    store: Store
    client: Client

    async def run(self, run_id: str) -> Run:
        run = await self.store.runs.get(run_id)
        assert run is not None, f"run {run_id} is not in the store"
        return run

    async def transcripts(self, run: Run) -> dict[str, list[Entry]]:
        ids = [run.conversation_id(index) for index in range(1, run.total + 1)]
        return await self.store.entries.of_conversations(ids)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run as it stands on the stream."""

    sequence: int
    message_id: str | None
    fields: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.fields["type"])


async def events_of(client: Client, run_id: str) -> list[Event]:
    """Every event of a run (text aside), in the order in which they stand on the stream."""
    stored = history.read(client, subjects.RUN_EVENTS, subjects.events(run_id))
    return [Event(one.sequence, one.message_id, orjson.loads(one.data)) async for one in stored]


async def assert_all(witness: Witness, run_id: str, *, at_end: bool = True) -> None:
    """Every invariant that the store and the streams of an ended run can show, or of a chat between two messages."""
    await assert_transcripts_whole(witness, run_id)
    await assert_one_result_a_generation(witness, run_id)
    await assert_facts_once_and_in_order(witness, run_id, at_end=at_end)
    if at_end:
        # Until its end an account only rises: a late or corrected row of a chat is counted with the next that it reads.
        await assert_totals_add_up(witness, run_id)
    await assert_at_rest(witness, run_id)


async def assert_transcripts_whole(witness: Witness, run_id: str) -> None:
    """E2: entries are 1..k without a gap, exactly one `ended`, nothing after it; a chat that goes on has none."""
    run = await witness.run(run_id)
    for conversation, entries in (await witness.transcripts(run)).items():
        seqs = [entry.seq for entry in entries]
        assert seqs == list(range(1, len(seqs) + 1)), f"E2: {conversation} holds {seqs}"
        ends = [entry.seq for entry in entries if entry.kind is EntryKind.ENDED]
        expected = [] if run.kind is RunKind.CHAT and run.ended_at is None else seqs[-1:]
        assert ends == expected, f"E2: {conversation} of {len(seqs)} entries ends at {ends}"


async def assert_one_result_a_generation(witness: Witness, run_id: str) -> None:
    """E3: one result per generation key, each with an attempt of its own; a failure beside an entry is outranked."""
    run = await witness.run(run_id)
    entries = [entry for some in (await witness.transcripts(run)).values() for entry in some]
    generations = await witness.store.generations.of_run(run_id)
    results: list[Entry | Generation] = [*entries, *generations]
    attempts = Counter(one.attempt for one in results if one.attempt is not None)
    assert not _repeated(attempts), f"E3: attempts with two results: {_repeated(attempts)}"
    taken = {(entry.conversation_id, entry.seq) for entry in entries}
    for generation in generations:
        spoken = generation.purpose in SPOKEN and generation.failure is None
        doubled = spoken and (generation.conversation_id, generation.seq) in taken
        assert not doubled, f"E3: {generation.id} has a result in entries and in generations"


async def assert_facts_once_and_in_order(witness: Witness, run_id: str, *, at_end: bool = True) -> None:
    """E7: each fact once, in causal order, and each saying what the store says."""
    run = await witness.run(run_id)
    facts = [event for event in await events_of(witness.client, run_id) if event.type in FACTS]
    names = Counter(_name(fact) for fact in facts)
    assert not _repeated(names), f"E7: facts that stand twice: {_repeated(names)}"
    assert facts, f"E7: run {run_id} has no facts"
    assert facts[0].type == "run.started", f"E7: the first fact is {_name(facts[0])}"
    if at_end:
        assert facts[-1].type == "run.ended", f"E7: the last fact is {_name(facts[-1])}"
        assert run.end_sequence == facts[-1].sequence, f"E7: the run says that it ends at {run.end_sequence}"
    by_conversation = defaultdict(list)
    for fact in facts:
        by_conversation[fact.fields.get("conversationId")].append(fact)
    for conversation, entries in (await witness.transcripts(run)).items():
        _assert_conversation_told(conversation, entries, by_conversation[conversation])


def _assert_conversation_told(conversation: str, entries: list[Entry], facts: list[Event]) -> None:
    """Its messages in order and as stored, then its end; the deciding judgement before that."""
    told = [fact.fields["seq"] for fact in facts if fact.type == "message"]
    messages = [entry for entry in entries if entry.kind is EntryKind.MESSAGE]
    assert told == [entry.seq for entry in messages], f"E7: {conversation} told messages {told} of {len(messages)}"
    for entry, fact in zip(messages, (fact for fact in facts if fact.type == "message"), strict=True):
        _assert_message_told(entry, fact.fields)
    ends = [entry for entry in entries if entry.kind is EntryKind.ENDED]
    assert len(ends) == sum(fact.type == "conversation.ended" for fact in facts), f"E7: ends of {conversation}"
    for end in ends:
        _assert_end_told(conversation, end, facts)


def _assert_message_told(entry: Entry, fields: Mapping[str, Any]) -> None:
    content = entry.content or ""
    shown = None if len(content.encode()) > MESSAGE_EVENT_LIMIT else content
    told = (fields["content"], fields["sha256"], fields["attempt"])
    stored = (shown, content_hash(content), entry.attempt)
    assert told == stored, f"E7: {entry.conversation_id}:{entry.seq} is told otherwise than it is stored"


def _assert_end_told(conversation: str, end: Entry, facts: list[Event]) -> None:
    places = [place for place, fact in enumerate(facts) if fact.type == "conversation.ended"]
    fields = facts[places[0]].fields
    told = (fields["endedReason"], fields["decidedBy"], fields["messages"])
    stored = (end.ended_reason, end.decided_by, end.seq - 1)
    assert told == stored, f"E7: {conversation} told its end {told}, stored is {stored}"
    late = [_name(fact) for fact in facts[places[0] + 1 :] if fact.type == "message"]
    assert not late, f"E7: after the end of {conversation} stands {late}"
    if end.ended_reason == "goal":
        judged = [fact.fields["seq"] for fact in facts[: places[0]] if fact.type == "judgement"]
        assert end.decided_by in judged, f"E7: {conversation} ended by a judgement of {end.decided_by}, told {judged}"


async def assert_totals_add_up(witness: Witness, run_id: str) -> None:
    """E8: the run's totals are the sum of entries, generations and usage rows, each attempt once."""
    run = await witness.run(run_id)
    entries = [entry for some in (await witness.transcripts(run)).values() for entry in some]
    generations = await witness.store.generations.of_run(run_id)
    booked = total_usage(entries, generations, await witness.store.usage.of_run(run_id))
    assert run.usage == booked, f"E8: the run says {run.usage}, booked is {booked}"
    assert run.budget.spent == booked.cost_nanos, f"E8: spent is {run.budget.spent}, booked is {booked.cost_nanos}"


async def assert_at_rest(witness: Witness, run_id: str) -> None:
    """E9: `WORK` holds nothing of the run, and no slot of it is open."""
    queued = [
        stored.subject async for stored in history.read(witness.client, subjects.WORK, ">") if run_id in stored.about
    ]
    assert not queued, f"E9: WORK still holds {queued}"
    document = await witness.store.collection("runs").find_one({"_id": run_id})
    assert document is not None
    slots = document["slots"]
    held = [f"{place}.{slot}" for place, pair in slots.items() for slot, value in pair.items() if value.get("open")]
    assert not held, f"E9: slots of {run_id} still open: {held}"
    assert document["budget"]["open"] == 0, f"E9: {document['budget']['open']} still reserved by {run_id}"


def assert_calls_bounded(calls: Mapping[str, int], extra: Mapping[str, int] | None = None) -> None:
    """E4: calls per generation key are at most one, and one more for each crash or retry that touched it (`extra`)."""
    allowed = extra or {}
    above = {key: count for key, count in calls.items() if count > 1 + allowed.get(key, 0)}
    assert not above, f"E4: calls above what crashes and retries explain: {above}"


def _name(fact: Event) -> str:
    """What makes a fact the same fact: its id where it has one, else what it states."""
    fields = fact.fields
    parts = (fields.get("conversationId") or fields["runId"], fields.get("seq"), fact.type, fields.get("stage"))
    return ":".join(str(part) for part in parts if part is not None)


def _repeated(counted: Counter[Any]) -> list[Any]:
    return [name for name, count in counted.items() if count > 1]
