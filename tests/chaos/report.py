"""What a chaos run says at its end: a table of the faults, totals, and the verdicts."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any

from chaos.call_checks import calls_by_key
from chaos.chaos_log import Strike
from chaos.chat_times import all_waits
from chaos.checker import SHOWN, Verdict
from chaos.evidence import Evidence
from chaos.ledger import in_flight
from chaos.outside_faults import Replay
from chaos.system import ELSEWHERE
from shared.contracts.enums import EntryKind, Purpose

PROVIDER = "provider "
REPLAY = Replay.name
AFTERMATH_SECONDS = 20.0
"""How long a strike may still be felt: ack_wait and what follows it."""
WAKING_SECONDS = 2.0
"""A woken process first calls for the jobs that came while it was frozen, which its successor has long taken."""
UNEXPLAINED = "unexplained"


@dataclass
class Row:
    """One fault: how often, what it cost, how long until every open conversation had moved."""

    strikes: int = 0
    in_flight: int = 0
    extra_calls: int = 0
    recoveries: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    """Recoveries during which, and shortly before which, no other fault struck."""


def rows(evidence: Evidence) -> dict[str, Row]:
    """The table, by fault."""
    table: dict[str, Row] = defaultdict(Row)
    strikes = sorted(evidence.record.strikes, key=lambda strike: strike.began)
    answers = all_waits(evidence)
    for strike in strikes:
        row = table[strike.fault]
        row.strikes += 1
        row.in_flight += in_flight(evidence.calls, strike.began)
        recovered = _recovery(evidence, strike, answers)
        if recovered is not None:
            row.recoveries.append(recovered)
            if not _disturbed(strikes, strike, recovered):
                row.alone.append(recovered)
    for fault, count in _extra_calls(evidence, strikes).items():
        table[fault].extra_calls += count
    return table


def _disturbed(strikes: list[Strike], strike: Strike, recovered: float) -> bool:
    ends = strike.began + recovered
    others = [other for other in strikes if other is not strike and other.began <= ends]
    return any(other.ended >= strike.began - AFTERMATH_SECONDS for other in others)


def _recovery(evidence: Evidence, strike: Strike, answers: list[tuple[float, float]]) -> float | None:
    """Seconds from the strike until every conversation that was open then went on; None where none was open.

    Of a conversation that moved during a strike that lasts, its longest halt counts. A conversation whose run was
    paused or cancelled meanwhile is not waited for. A chat is open while it is owed an answer.
    """
    touched = [(asked, told) for asked, told in answers if asked <= strike.ended and told > strike.began]
    waits = [told - max(asked, strike.began) for asked, told in touched]
    for story in evidence.record.stories:
        one = evidence.runs.get(story.run_id)
        if one is not None:
            still = [*story.pauses, *([(story.cancel_answered - 1, float("inf"))] if story.cancel_answered else [])]
            waits += [wait for moves in one.moves.values() for wait in _halts(moves, strike, still)]
    return max(waits, default=None)


def _halts(moves: list[float], strike: Strike, still: list[tuple[float, float]]) -> Iterator[float]:
    """The halts of one conversation that the strike touched, in seconds from the strike."""
    for before, after in pairwise(moves):
        touched = before <= strike.ended and after > strike.began and moves[0] <= strike.began
        if touched and not any(begin <= after and before <= end for begin, end in still):
            yield after - max(before, strike.began)


def _extra_calls(evidence: Evidence, strikes: list[Strike]) -> Counter[str]:
    """Calls beyond the first of a generation, each given to what made it necessary.

    That is the provider, where it failed the call before; else the first strike since that call began.
    """
    return Counter(cause for _, cause in _causes(evidence, strikes))


def _causes(evidence: Evidence, strikes: list[Strike]) -> Iterator[tuple[str, str]]:
    """Generation key and cause of every call beyond the first."""
    hurting = [strike for strike in strikes if not strike.fault.startswith(PROVIDER)]
    for key, calls in calls_by_key(evidence).items():
        for before, call in pairwise(calls):
            provider = [one for one in strikes if one.fault.startswith(PROVIDER) and one.began <= before.began]
            # A runner closes a malformed answer itself: the model sees only that its client left.
            failing = [one for one in provider if before.began <= one.ended]
            touching = [
                one for one in hurting if one.ended >= before.began - WAKING_SECONDS and one.began <= call.began
            ]
            if failing or (before.faulty and provider):
                yield key, (failing or provider)[-1].fault
            elif key in evidence.record.replayed:
                yield key, REPLAY
            else:
                yield key, touching[0].fault if touching else UNEXPLAINED


def print_report(evidence: Evidence, verdicts: list[Verdict]) -> None:
    """The table, the totals, then PASS or FAIL of each invariant."""
    table = rows(evidence)
    print(
        f"\n{'fault':<28}{'strikes':>8}{'in flight':>10}{'extra calls':>13}{'recovery p50':>14}{'p95':>7}{'max':>7}"
        f"{'alone: n':>10}{'p95':>7}{'max':>7}"
    )
    for fault, row in sorted(table.items()):
        print(
            f"{fault:<28}{row.strikes:>8}{row.in_flight:>10}{_share(row.extra_calls, len(evidence.calls)):>13}"
            f"{_at(row.recoveries, 50):>14}{_at(row.recoveries, 95):>7}{_at(row.recoveries, 100):>7}"
            f"{len(row.alone):>10}{_at(row.alone, 95):>7}{_at(row.alone, 100):>7}"
        )
    for line in totals(evidence).items():
        print(f"  {line[0]:<28} {line[1]}")
    for trouble in evidence.record.trouble[:SHOWN]:
        print(f"  trouble: {trouble}")
    for verdict in verdicts:
        print(f"{'FAIL' if verdict.violations else 'PASS'} {verdict.name:<4} {verdict.says}")
        for violation in verdict.violations[:SHOWN]:
            print(f"       {violation}")
        if len(verdict.violations) > SHOWN:
            print(f"       ... and {len(verdict.violations) - SHOWN} more")


def totals(evidence: Evidence) -> dict[str, Any]:
    """What was done and what came of it."""
    kills = Counter(name for strike in evidence.record.strikes for name in strike.killed)
    services: Counter[str] = Counter()
    for name, count in kills.items():
        services[name if name in ("mongod", "nats-server") else name.rpartition("-")[0]] += count
    entries = [entry for one in evidence.ending.values() for some in one.transcripts.values() for entry in some]
    ended = [entry for entry in entries if entry.kind is EntryKind.ENDED]
    extra = sum(len(calls) - 1 for calls in calls_by_key(evidence).values())
    listeners = [listening for story in evidence.record.stories for listening in story.listeners]
    return {
        "seed": evidence.record.seed,
        "runs": len(evidence.ending),
        "conversations": len(ended),
        "messages": len(entries) - len(ended),
        "endings": dict(Counter(str(entry.ended_reason) for entry in ended)),
        "canceled runs": sum(1 for story in evidence.record.stories if story.cancel_answered),
        "calls": len(evidence.calls),
        "extra calls": _share(extra, len(evidence.calls)),
        "messages of the other provider": sum(entry.provider == ELSEWHERE for entry in entries),
        "calls of the hostile provider": len(evidence.record.hostile_calls),
        "hostile requests by answer": dict(sorted(evidence.record.hostile_answers.items())),
        "kills": sum(services.values()),
        "kills by service": dict(services),
        "slow stops": [strike.detail for strike in evidence.record.strikes if "did not end" in strike.detail],
        "dead letters": dict(Counter(evidence.dead_letters)),
        "listeners": len(listeners),
        "their connections": sum(listening.connections for listening in listeners),
        "their snapshots": sum(listening.snapshots for listening in listeners),
        **_chat_totals(evidence),
    }


def _chat_totals(evidence: Evidence) -> dict[str, Any]:
    asked = [one for chat in evidence.record.chats for one in chat.asked]
    heards = [one.heard for one in asked if one.heard is not None]
    generations = [made for run in evidence.runs.values() for made in run.generations]
    seconds = [told - since for since, told in all_waits(evidence)]
    return {
        "chats": len(evidence.record.chats),
        "asked in them": dict(Counter(one.kind for one in asked)),
        "answers by their end": dict(Counter(str(heard.ended) for heard in heards)),
        "asked to stop": sum(one.stop_asked for one in asked),
        "other tabs": sum(len(one.tabs) for one in asked),
        "connections of people": sum(one.connections for one in asked),
        "of these, resumes": sum(one.resumes for one in asked),
        "posted again": sum(max(one.posts - 1, 0) for one in asked),
        "texts taken back": sum(heard.taken_back for heard in heards),
        "answered after, s": {name: _figure(seconds, share) for name, share in _SHARES.items()},
        "memories of them": sum(made.purpose is Purpose.MEMORY for made in generations),
        "unanswered looked for": len(evidence.chat_looks),
    }


def write_result(path: Path, evidence: Evidence, verdicts: list[Verdict]) -> None:
    """The same as JSON."""
    faults = {
        fault: {
            "strikes": row.strikes,
            "callsInFlight": row.in_flight,
            "extraCalls": row.extra_calls,
            "recoverySeconds": {name: _figure(row.recoveries, share) for name, share in _SHARES.items()},
            "recoveryAloneSeconds": {name: _figure(row.alone, share) for name, share in _SHARES.items()},
        }
        for fault, row in rows(evidence).items()
    }
    invariants = {verdict.name: {"says": verdict.says, "violations": verdict.violations} for verdict in verdicts}
    strikes = [
        [strike.fault, round(strike.began, 3), round(strike.ended, 3), strike.killed, strike.frozen, strike.detail]
        for strike in evidence.record.strikes
    ]
    unexplained = {key for key, cause in _causes(evidence, evidence.record.strikes) if cause == UNEXPLAINED}
    calls = calls_by_key(evidence)
    result = {
        "unexplainedCalls": {
            key: [[call.attempt, call.began, call.ended, call.outcome] for call in calls[key]] for key in unexplained
        },
        "totals": totals(evidence),
        "faults": faults,
        "invariants": invariants,
        "trouble": evidence.record.trouble,
        "strikes": strikes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1))


_SHARES = {"p50": 50, "p95": 95, "max": 100}


def _figure(values: list[float], share: int) -> float | None:
    if not values:
        return None
    if share == 100 or len(values) == 1:
        return round(max(values), 2)
    return round(quantiles(values, n=100, method="inclusive")[share - 1], 2)


def _at(values: list[float], share: int) -> str:
    figure = _figure(values, share)
    return "-" if figure is None else f"{figure:.1f}"


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.1f} %)" if whole else "0"
