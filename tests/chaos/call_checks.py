"""What must hold of the calls of models, by the ledger: how many, when, how many at once, and that each is booked."""

from collections import defaultdict

from chaos.chaos_log import Strike
from chaos.evidence import Evidence
from chaos.hostile_provider import RETRIES
from chaos.ledger import FINISHED, Call
from chaos.system import CONCURRENCY
from shared.contracts.enums import Purpose
from shared.contracts.identity import generation_key
from shared.contracts.transcript import Entry

CANCEL_GRACE_SECONDS = 1.0
ACK_WAIT_SECONDS = 15.0
CLOSE_SECONDS = 1.0
RUNNER = "llm-runner"
NETWORK = "network "
MODEL = "demo-model"


def calls_bounded(evidence: Evidence) -> list[str]:
    """E4: a generation's further calls are explained by a fault of its provider or a strike that touched it."""
    found = []
    for key, calls in calls_by_key(evidence).items():
        failed = sum(1 for call in calls if call.faulty)
        touching = [strike for strike in evidence.record.strikes if _touches(strike, calls)]
        allowed = 1 + failed + sum(max(1, len(strike.killed)) for strike in touching)
        if key in evidence.record.replayed:
            allowed += len(calls)
        if len(calls) > allowed:
            found.append(f"{key} was called {len(calls)} times, {failed} failed, {len(touching)} strikes touched it")
    return found


def hostile_calls_bounded(evidence: Evidence) -> list[str]:
    """E4 where the provider answers what none should: failures and our own exceptions cost no more than the retries."""
    keys = {attempt: key for one in evidence.runs.values() for attempt, key in one.key_of_attempt.items()}
    by_key: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.record.hostile_calls:
        by_key[keys.get(call.attempt or "", f"of no generation: {call.attempt}")].append(call)
    found = []
    for key, calls in by_key.items():
        touching = [strike for strike in evidence.record.strikes if _touches(strike, calls)]
        allowed = 1 + RETRIES + sum(max(1, len(strike.killed)) for strike in touching)
        if key in evidence.record.replayed:
            allowed += len(calls)
        if len(calls) > allowed:
            found.append(
                f"{key} was called {len(calls)} times at the hostile provider, {len(touching)} strikes touched it"
            )
    return found


def _touches(strike: Strike, calls: list[Call]) -> bool:
    return strike.began <= calls[-1].began and strike.ended >= calls[0].began - ACK_WAIT_SECONDS


def calls_by_key(evidence: Evidence) -> dict[str, list[Call]]:
    """The ledger's calls by generation key, in their order."""
    keys = {attempt: key for one in evidence.runs.values() for attempt, key in one.key_of_attempt.items()}
    found: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        if call.attempt in keys:
            found[keys[call.attempt]].append(call)
    return found


def ledger_agrees(evidence: Evidence) -> list[str]:
    """E8: every call of the ledger is booked, a finished one that is a result with the ledger's own tokens."""
    booked = {attempt: one for some in evidence.runs.values() for attempt, one in some.booked.items()}
    fatal = [strike for strike in evidence.record.strikes if strike.killed and strike.frozen]
    found = []
    for call in evidence.calls:
        row = booked.get(call.attempt or "")
        if row is None:
            if not any(strike.began - ACK_WAIT_SECONDS <= call.began <= strike.ended for strike in fatal):
                found.append(
                    f"the call of attempt {call.attempt} at {call.began:.3f} ({call.outcome}) is booked nowhere"
                )
        elif call.outcome == FINISHED and isinstance(row, Entry) and not row.estimated:
            counted = (row.usage.prompt_tokens, row.usage.completion_tokens)
            if counted != (call.prompt_tokens, call.completion_tokens):
                found.append(f"attempt {call.attempt} is booked with {counted}, the ledger says {call}")
    return found


def concurrency_kept(evidence: Evidence) -> list[str]:
    """E11: calls in flight never exceed a provider's limit, but where a frozen holder's call is still open."""
    booked = {attempt: one.provider for some in evidence.runs.values() for attempt, one in some.booked.items()}
    by_provider: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        by_provider[booked.get(call.attempt or "") or "demo"].append(call)
    return [line for calls in by_provider.values() for line in _too_many_at_once(evidence, calls)]


def _too_many_at_once(evidence: Evidence, calls: list[Call]) -> list[str]:
    """The moments at which more calls of one provider ran than its limit."""
    edges = [(call.began, 1) for call in calls]
    edges += [(call.ended, -1) for call in calls if call.ended is not None]
    count, found = 0, []
    for at, step in sorted(edges):
        count += step
        if count > CONCURRENCY and not _frozen(evidence, at):
            found.append(f"{count} calls in flight at {at:.3f}, the limit is {CONCURRENCY}")
    return found


def _frozen(evidence: Evidence, at: float) -> bool:
    """Whether a runner was frozen then, or had just woken up."""
    return any(
        strike.began <= at <= strike.ended + CLOSE_SECONDS
        for strike in evidence.record.strikes
        if any(name.startswith(RUNNER) for name in strike.frozen)
    )


def _held_back(evidence: Evidence, at: float) -> bool:
    """Whether a call that the model saw then may have been made before: by a frozen runner, or on a stalled network."""
    return _frozen(evidence, at) or any(
        strike.began <= at <= strike.ended + CLOSE_SECONDS
        for strike in evidence.record.strikes
        if strike.fault.startswith(NETWORK) and MODEL in strike.detail
    )


def cancel_holds(evidence: Evidence) -> list[str]:
    """E10: no call of a run began a second after its cancel was answered, but where what was sent before came late."""
    canceled = {
        story.run_id: story.cancel_answered for story in evidence.record.stories if story.cancel_answered is not None
    }
    runs, found = evidence.run_of_attempt, []
    for call in evidence.calls:
        answered = canceled.get(runs.get(call.attempt or "", ""))
        late = answered is not None and call.began > answered + CANCEL_GRACE_SECONDS
        if late and answered is not None and not _held_back(evidence, call.began):
            found.append(
                f"attempt {call.attempt} was called {call.began - answered:.2f} s after the cancel was answered"
            )
    return found


def stops_hold(evidence: Evidence) -> list[str]:
    """E10 for chats: no call for an answer began a second after the stop of it was answered, but as above."""
    stops = {
        generation_key(chat.run_id or "", asked.stopped[0], Purpose.CHAT): asked.stopped[1]
        for chat in evidence.record.chats
        for asked in chat.asked
        if asked.stopped
    }
    return [
        f"attempt {call.attempt} was called {call.began - stops[key]:.2f} s after the stop was answered"
        for key, calls in calls_by_key(evidence).items()
        for call in calls
        if key in stops and call.began > stops[key] + CANCEL_GRACE_SECONDS and not _held_back(evidence, call.began)
    ]
