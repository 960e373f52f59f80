"""The invariants E1-E12 of the turn protocol (section 11), each by name: what violates it, in words.

Those of `invariants.py` are asked run by run; the others compare what clients saw, the store, the streams and the
ledger.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chaos import call_checks, chat_checks, chat_times
from chaos.evidence import Evidence
from chaos.system import System
from invariants import (
    Witness,
    assert_at_rest,
    assert_facts_once_and_in_order,
    assert_one_result_a_generation,
    assert_totals_add_up,
    assert_transcripts_whole,
)
from shared.contracts.enums import RunKind
from shared.contracts.identity import content_hash

SILENCE_FOUND_SECONDS = 120.0
"""The silence the sweeper waits for, twice: it may look again before the first look has helped."""
SHOWN = 20


@dataclass
class Verdict:
    """One invariant: what was found against it."""

    name: str
    says: str
    violations: list[str] = field(default_factory=list)


Check = Callable[[Evidence], list[str]]
RunCheck = Callable[[Witness, str], Awaitable[None]]


async def check(system: System, evidence: Evidence) -> list[Verdict]:
    """Every invariant, in order."""
    witness = Witness(system.store, system.client)
    verdicts = []
    for name, says, of_run, of_all in _INVARIANTS:
        found = [violation for one in of_all for violation in one(evidence)]
        if of_run is not None:
            found += await _of_runs(of_run, witness, evidence)
        verdicts.append(Verdict(name, says, found))
    verdicts.append(Verdict("E12", "a planted secret appears nowhere", await secrets(system, evidence)))
    return verdicts


async def _of_runs(holds: RunCheck, witness: Witness, evidence: Evidence) -> list[str]:
    found = []
    for run_id in evidence.runs:
        try:
            await holds(witness, run_id)
        except AssertionError as error:
            found.append(f"run {run_id}: {error}")
    return found


async def _facts_once_and_in_order(witness: Witness, run_id: str) -> None:
    """E7, of a chat as far as it goes."""
    run = await witness.run(run_id)
    await assert_facts_once_and_in_order(witness, run_id, at_end=run.kind is not RunKind.CHAT)


async def _totals_add_up(witness: Witness, run_id: str) -> None:
    """E8; a chat's are set only at its end (`chat_checks.chat_accounts`)."""
    if (await witness.run(run_id)).kind is not RunKind.CHAT:
        await assert_totals_add_up(witness, run_id)


def every_run_ends(evidence: Evidence) -> list[str]:
    """E1: every accepted run has ended, and every run whose start was answered is there."""
    open_runs = [f"run {one.run.id} is {one.run.status}" for one in evidence.ending.values() if not one.run.terminal]
    lost = [f"run {story.run_id} is gone" for story in evidence.record.stories if story.run_id not in evidence.runs]
    blind = [f"run {story.run_id} never showed its end" for story in evidence.record.stories if not story.ended]
    return open_runs + lost + blind


def one_run_a_key(evidence: Evidence) -> list[str]:
    """E5: a start repeated with its key is the same run."""
    answered = [
        f"key {story.key} was answered with {sorted(story.answered)}"
        for story in evidence.record.stories
        if len(story.answered) > 1
    ]
    by_key = defaultdict(list)
    for one in evidence.runs.values():
        by_key[one.run.idempotency_key].append(one.run.id)
    return answered + [f"key {key} made runs {ids}" for key, ids in by_key.items() if key and len(ids) > 1]


def counted_once(evidence: Evidence) -> list[str]:
    """E3 for endings: every conversation is counted once, as what it ended by."""
    found = []
    for one in evidence.ending.values():
        run = one.run
        if sorted(run.ended) != list(range(1, run.total + 1)) or run.completed + run.failed != run.total:
            counts = f"{run.completed} completed and {run.failed} failed"
            found.append(f"run {run.id} of {run.total} counted {list(run.ended)}, {counts}")
    return found


def sweeper_not_needed(evidence: Evidence) -> list[str]:
    """S7 (section 7): silence is found only where a zombie died just after it had woken; the rest has a trigger."""
    return [
        f"the sweeper had to look: {look.text}"
        for look in evidence.silent_looks
        if not any(died <= look.at <= died + SILENCE_FOUND_SECONDS for died in evidence.zombie_deaths)
    ]


def what_was_read_stands(evidence: Evidence) -> list[str]:
    """E6: no zombie changed what a client had read."""
    found = []
    for story in evidence.record.stories:
        one = evidence.runs.get(story.run_id)
        if one is None:
            continue
        texts = {(name, entry.seq): entry.content or "" for name, some in one.transcripts.items() for entry in some}
        for listening in story.listeners:
            seen = listening.messages.items()
            found += [
                f"{place} was heard otherwise" for place, sha in seen if content_hash(texts.get(place, "")) != sha
            ]
        for polling in story.pollers:
            read = polling.messages.items()
            found += [f"{place} was read otherwise" for place, text in read if texts.get(place) != text]
            found += polling.surprises
    return found


def readers_miss_nothing(evidence: Evidence) -> list[str]:
    """E7 for clients: whoever listened to the end got each fact once and in the stream's order."""
    found = []
    for story in evidence.record.stories:
        one = evidence.runs.get(story.run_id)
        if one is None:
            continue
        told = [(fact.type, _identity(fact.fields)) for fact in one.facts]
        for listening in story.listeners:
            found += [f"run {story.run_id}: {surprise}" for surprise in listening.surprises]
            if not listening.complete:
                found.append(f"run {story.run_id}: a listener never reached the end ({listening.connections} tries)")
            elif listening.facts != told:
                found.append(f"run {story.run_id}: {_difference(told, listening.facts, listening.snapshots)}")
    return found


def _identity(fields: object) -> str:
    assert isinstance(fields, dict)
    parts = (fields.get("conversationId") or fields.get("runId"), fields.get("seq"), fields.get("stage"))
    return ":".join(str(part) for part in parts if part is not None)


def _difference(told: list[tuple[str, str]], heard: list[tuple[str, str]], snapshots: int) -> str:
    missing = [fact for fact in told if fact not in heard]
    repeated = sorted({fact for fact in heard if heard.count(fact) > 1})
    return f"a listener missed {missing[:5]}, got twice {repeated[:5]} ({snapshots} snapshots), or in another order"


def budgets_kept(evidence: Evidence) -> list[str]:
    """E11: spent is at most the bound and what was in flight beside it (attempts that no reservation could foresee)."""
    found = []
    for one in evidence.runs.values():
        foreseen = one.run.budget.max + sum(row.usage.cost_nanos for row in one.usage)
        if one.run.budget.spent > foreseen:
            found.append(f"run {one.run.id} spent {one.run.budget.spent} of {one.run.budget.max} nano-dollars")
    return found


def nothing_left(evidence: Evidence) -> list[str]:
    """E9: `WORK` is empty and no durable holds anything."""
    held = [f"{name} holds {count}" for name, count in evidence.pending.items() if count]
    return [f"WORK holds {subject}" for subject in evidence.work_left] + held


def no_error_of_ours(evidence: Evidence) -> list[str]:
    """Whatever was sent, no answer said that something went wrong here."""
    return list(evidence.record.failings)


async def secrets(system: System, evidence: Evidence) -> list[str]:
    """E12: the provider's key stands in no log, no stream's file, no document, no answer and not in the ledger."""
    needle = system.secret.encode()
    folders = [system.stack.logs, system.stack.data_dir / "nats", system.ledger]
    files = [file for place in folders for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file()]
    found = list(evidence.record.leaks)
    found += [f"{file.name} holds the key" for file in files if needle in file.read_bytes()]
    for name in await system.store.database.list_collection_names():
        documents = await system.store.collection(name).find({}).to_list(None)
        found += [f"{name} {one['_id']} holds the key" for one in documents if system.secret in str(one)]
    return found


_INVARIANTS: list[tuple[str, str, RunCheck | None, list[Check]]] = [
    (
        "E1",
        "every run ends, every message is answered",
        None,
        [
            every_run_ends,
            chat_times.questions_answered,
            chat_times.answered_in_time,
            chat_times.stopped_for_a_reason,
        ],
    ),
    ("E2", "entries are 1..k, no gap, one end", assert_transcripts_whole, [chat_checks.answers_follow]),
    ("E3", "one result per generation", assert_one_result_a_generation, [counted_once, chat_checks.answers_answer]),
    (
        "E4",
        "calls are explained by faults, exceptions too",
        None,
        [call_checks.calls_bounded, call_checks.hostile_calls_bounded],
    ),
    ("E5", "what was asked twice stands once", None, [one_run_a_key, chat_checks.said_once]),
    (
        "E6",
        "what was read stands unchanged",
        None,
        [what_was_read_stands, chat_checks.what_was_heard_stands, chat_checks.what_is_shown_stands],
    ),
    (
        "E7",
        "each fact once, in order, for everybody",
        _facts_once_and_in_order,
        [readers_miss_nothing, chat_checks.streams_make_sense],
    ),
    ("E8", "totals = bookings = ledger", _totals_add_up, [call_checks.ledger_agrees, chat_checks.chat_accounts]),
    ("E9", "at rest nothing is queued or reserved", assert_at_rest, [nothing_left]),
    ("E10", "no call 1 s after a cancel or a stop", None, [call_checks.cancel_holds, call_checks.stops_hold]),
    ("E11", "provider limit and budgets kept", None, [call_checks.concurrency_kept, budgets_kept]),
    ("5xx", "no request meets an error of ours", None, [no_error_of_ours]),
    ("S7", "the sweeper was not needed", None, [sweeper_not_needed, chat_times.chats_swept_for_a_reason]),
]
