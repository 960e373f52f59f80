"""When chats are answered (turn protocol, section 9): every message, in time, and without the sweeper's help."""

from collections.abc import Iterable, Iterator

from chaos.chaos_log import Strike
from chaos.chat_checks import chats_of, is_owed, wish
from chaos.evidence import Evidence
from shared.contracts.transcript import Entry

RECOVERY_SECONDS = 45.0
"""For how long an answer may be owed while nothing strikes: `ack_wait`, the sweeper's patience, failing calls."""
ORPHANED_SECONDS = 14.0
"""From then on a gateway's last word that somebody reads may be older than the orphan time."""
TELLING_SECONDS = 10.0
"""How long after a message its gateway may still be about to tell the engine of it."""
TELLERS = ("gateway", "nats-server", "mongod", "several", "network", "rolling")
"""What a fault's name says where it may keep a gateway from telling."""


def questions_answered(evidence: Evidence) -> list[str]:
    """E1 for a conversation without an end: whoever asked has heard an answer, and no answer is owed."""
    found = []
    for chat in evidence.record.chats:
        found += [f"{chat.client_id}: {wish(asked)} was never answered" for asked in chat.asked if asked.heard is None]
        if chat.run_id is not None and chat.run_id not in evidence.runs:
            found.append(f"{chat.client_id}: chat {chat.run_id} is gone")
    for chat, entries in chats_of(evidence):
        owed = [since for since, answered in _waits(entries) if answered is None]
        found += [f"{chat.client_id}: an answer is owed since {since:.1f}" for since in owed]
    return found


def answered_in_time(evidence: Evidence) -> list[str]:
    """E1, in time: no answer was owed for longer than recovery takes while nothing struck."""
    found = []
    for chat, entries in chats_of(evidence):
        for since, answered in _waits(entries):
            if answered is None:
                continue
            calm = _longest_calm(evidence.record.strikes, since, answered)
            if calm > RECOVERY_SECONDS:
                found.append(f"{chat.client_id}: the answer at {answered:.1f} was owed for {calm:.1f} s of calm")
    return found


def stopped_for_a_reason(evidence: Evidence) -> list[str]:
    """E1, whole: an answer ends before its end only where its person had stopped one, or had long been away."""
    found = []
    for chat in evidence.record.chats:
        stops = False
        for asked in chat.asked:
            stops = stops or asked.stop_asked
            stopped = asked.heard is not None and asked.heard.ended == "abort"
            if stopped and not stops and asked.absence < ORPHANED_SECONDS:
                found.append(f"{chat.client_id}: {wish(asked)} was stopped, absent were {asked.absence:.1f} s at most")
    return found


def chats_swept_for_a_reason(evidence: Evidence) -> list[str]:
    """S7: an unanswered message is looked for only where its gateway may have been kept from telling of it, or a zombie
    died just after it had woken."""
    found = []
    by_id = {entries[0].run_id: entries for _, entries in chats_of(evidence) if entries}
    for look in evidence.chat_looks:
        asked = [since for since, _ in _waits(by_id.get(look.run_id, [])) if since <= look.at]
        zombie = asked and any(asked[-1] <= died <= look.at for died in evidence.zombie_deaths)
        if asked and not zombie and not any(_keeps(strike, asked[-1]) for strike in evidence.record.strikes):
            found.append(f"the sweeper had to look: {look.text}, asked at {asked[-1]:.1f}")
    return found


def _keeps(strike: Strike, asked: float) -> bool:
    near = strike.began <= asked + TELLING_SECONDS and strike.ended >= asked - TELLING_SECONDS
    return near and any(word in strike.fault for word in TELLERS)


def all_waits(evidence: Evidence) -> list[tuple[float, float]]:
    """From when to when each answer was owed, of those that are there."""
    return [
        (since, answered)
        for _, entries in chats_of(evidence)
        for since, answered in _waits(entries)
        if answered is not None
    ]


def _waits(entries: list[Entry]) -> Iterator[tuple[float, float | None]]:
    for place, entry in enumerate(entries):
        if is_owed(entries[: place + 1]):
            follows = entries[place + 1] if place + 1 < len(entries) else None
            yield entry.created_at.timestamp(), follows.created_at.timestamp() if follows else None


def _longest_calm(strikes: Iterable[Strike], since: float, until: float) -> float:
    longest, calm_since = 0.0, since
    for strike in sorted(strikes, key=lambda one: one.began):
        if strike.ended < since or strike.began > until:
            continue
        longest = max(longest, strike.began - calm_since)
        calm_since = max(calm_since, strike.ended)
    return max(longest, until - calm_since)
