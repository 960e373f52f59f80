"""What must hold at the end of every history: the invariants of docs/protocol.md section 11, each by name.

E2, E3, E7, E8 and E9 are those of tests/invariants.py, read from the store and the streams; what only a system without
chance can know (who was killed where, what the provider saw) is added here.
"""

from collections import Counter
from typing import Any

from invariants import Witness, assert_all, assert_calls_bounded, events_of
from model.chat import ChatSystem
from model.services import Call
from model.system import System
from orchestrator.snapshots import KEPT_VERBATIM
from shared.contracts.enums import EntryKind, Purpose, Side, Wanted
from shared.contracts.generations import Generation
from shared.contracts.identity import generation_key
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, fold

EXPECTED = ("given up", "llm-runner failed by itself")
"""Errors that histories are made of."""


def judge(system: System) -> None:
    """Every invariant of a history that is at rest."""
    run = system.run()
    _judge_counts(run)
    system.hand.do(assert_all(Witness(system.store, system.client), system.run_id))
    system.hand.do(_judge_calls(system))
    _judge_sweeps(system)
    unknown = [error for error in system.errors() if not any(known in error for known in EXPECTED)]
    assert not unknown, f"errors nobody expected: {unknown}"


def judge_chat(system: ChatSystem) -> None:
    """Every invariant of a history of a chat that is at rest, deleted or not."""
    run = system.run()
    if run.control.wanted is Wanted.CANCEL:
        judge(system)
        return
    assert (run.ended_at, run.ended) == (None, ()), "E2: a chat has no end"
    _talk_on(system)
    witness = Witness(system.store, system.client)
    system.hand.do(assert_all(witness, system.run_id, at_end=False))
    system.hand.do(_judge_calls(system))
    _judge_sweeps(system)
    unknown = [error for error in system.errors() if not any(known in error for known in EXPECTED)]
    assert not unknown, f"errors nobody expected: {unknown}"
    _judge_answers(system.entries())


def _talk_on(system: ChatSystem) -> None:
    """A memory's work, or an answer's done, lost with the queue, leaves its slot open; E9 grants nothing else.

    Nobody waits for either, so no sweep is for it: the chat's next messages close the slot.
    """
    for _ in range(KEPT_VERBATIM):
        if not (system.lost_queue and system.reserves()):
            return
        system.say()
        system.until_quiet()


def _judge_answers(entries: list[Entry]) -> None:
    """Never stuck, and never answered twice: right behind what makes an answer owed stands the answer."""
    for place, entry in enumerate(entries):
        counting = fold(entries[: place + 1])
        owed = bool(counting) and counting[-1].side is Side.OPPONENT
        follows = entries[place + 1] if place + 1 < len(entries) else None
        answered = follows is not None and follows.kind is EntryKind.MESSAGE and follows.side is Side.AGENT
        given = follows is not None and follows.seq <= 3 and follows.attempt is None
        assert owed == answered or given, f"E3: {entry.kind} {entry.seq} of {len(entries)}: owed {owed}, {answered}"


def _judge_counts(run: Run) -> None:
    """E1, and E8 for what is counted: each conversation once."""
    assert run.ended_at is not None, "E1: the run has not ended"
    assert sorted(run.ended) == list(range(1, run.total + 1)), f"E8: counted were {run.ended} of {run.total}"
    assert run.completed + run.failed == run.total, f"E8: {run.completed} + {run.failed} of {run.total}"


def _judge_sweeps(system: System) -> None:
    """Section 7: but for what it is there for, the sweeper finds nothing that fell silent."""
    looks: Counter[str] = Counter()
    for process in system.everyone():
        if process.service.sweeper is not None:
            looks += process.service.sweeper.looks
    silent = {reason: count for reason, count in looks.items() if reason.startswith("silent")}
    assert system.may_sweep or not silent, f"section 7: work was lost, or looked for although queued: {silent}"


async def _judge_calls(system: System) -> None:
    """E4 by the provider's ledger, and E8: what it was asked is what is booked."""
    keys = await _keys_of_attempts(system)
    calls = Counter(keys[call.attempt] for call in system.ledger.calls)
    failed = Counter(keys[call.attempt] for call in system.ledger.calls if call.tokens is None)
    extra = {key: system.touched[key] + system.touched_all + failed[key] for key in calls}
    assert_calls_bounded(calls, extra)
    broke = Counter(keys[call.attempt] for call in system.ledger.calls if call.broke)
    repeated = {key: n for key, n in broke.items() if n > 2 + system.touched[key] + system.touched_all}
    assert not repeated, f"E4: called again although our own code had failed twice: {repeated}"
    found = await booked(system)
    unbooked = [call for call in system.ledger.calls if call.attempt not in found]
    hidden = [call.attempt for call in unbooked if not _lost(system, call, keys[call.attempt])]
    assert len(hidden) <= system.hidden_calls, f"E8: calls that nobody booked: {hidden}"
    for call in system.ledger.calls:
        _judge_booking(call, found.get(call.attempt))


def _lost(system: System, call: Call, key: str) -> bool:
    """Whether nothing leads to a call: its holder died or was cut off before it booked it, and the queue lost its job.

    Whoever takes the generation up again books it; where its result or an end stands, nobody does.
    """
    kept_from_booking = not call.process.alive or call.process in system.cut_off
    return kept_from_booking and key in system.lost_jobs


def _judge_booking(call: Call, booked: Entry | Generation | Any | None) -> None:
    if booked is None or booked.estimated or call.tokens is None:
        return
    took = (call.tokens.prompt, call.tokens.completion)
    said = (booked.usage.prompt_tokens, booked.usage.completion_tokens)
    assert said == took, f"E8: {call.attempt} took {took} tokens and is booked as {said}"


async def _keys_of_attempts(system: System) -> dict[str, str]:
    keys = {}
    for event in await events_of(system.client, system.run_id):
        if event.type == "attempt.started":
            told = event.fields
            subject = told["conversationId"] or told["runId"]
            keys[told["attempt"]] = generation_key(subject, told["seq"], Purpose(told["purpose"]), told["stage"])
    return keys


async def booked(system: System) -> dict[str, Any]:
    """Where every attempt is booked; a result outranks a usage row."""
    run = await system.store.runs.get(system.run_id)
    assert run is not None
    found: dict[str, Any] = {row.id: row for row in await system.store.usage.of_run(run.id)}
    ids = [run.conversation_id(index) for index in range(1, run.total + 1)]
    for entries in (await system.store.entries.of_conversations(ids)).values():
        found |= {entry.attempt: entry for entry in entries if entry.attempt is not None}
    generations = await system.store.generations.of_run(run.id)
    return found | {one.attempt: one for one in generations if one.attempt is not None}
