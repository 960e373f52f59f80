"""What a run is owed: conversations by position, endings, its report. Pure, as decide.py."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.enums import EndedReason, Wanted
from shared.contracts.runs import Run


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is durable about a run. `ended` holds counted conversations by position.

    `position` is set where the trigger is the count at that position: every other start is owed by its own count, and
    every ending by the command or the deadline that wants it.
    """

    total: int
    concurrency: int
    ended: tuple[int, ...]
    wanted: Wanted
    deadline_at: datetime
    reported: bool
    position: int | None = None

    @classmethod
    def of(cls, run: Run, position: int | None = None) -> "RunFacts":
        return cls(
            total=run.total,
            concurrency=run.settings.concurrency,
            ended=run.ended,
            wanted=run.control.wanted,
            deadline_at=run.due_at,
            reported=run.rules.reported,
            position=position,
        )


@dataclass(frozen=True, slots=True)
class StartConversation:
    index: int


@dataclass(frozen=True, slots=True)
class EndConversation:
    """An ending for a conversation, begun or not."""

    index: int
    reason: EndedReason


@dataclass(frozen=True, slots=True)
class RequestReport:
    """Every conversation is counted, and this kind of run has a report."""


@dataclass(frozen=True, slots=True)
class EndRun:
    """Every conversation is counted, and this kind of run has no report."""


RunEffect = StartConversation | EndConversation | RequestReport | EndRun


def decide_run(facts: RunFacts, now: datetime) -> tuple[RunEffect, ...]:
    """What the run is owed now: endings, starts by position, or its report."""
    if len(facts.ended) >= facts.total:
        return (RequestReport() if facts.reported else EndRun(),)
    if facts.wanted is Wanted.CANCEL:
        return tuple(_endings(facts, EndedReason.CANCELED))
    if facts.wanted is Wanted.PAUSE:
        return ()
    if now >= facts.deadline_at:
        return tuple(_endings(facts, EndedReason.TIMEOUT))
    counted = frozenset(facts.ended)
    return tuple(StartConversation(index) for index in _owed_starts(facts) if index not in counted)


def _endings(facts: RunFacts, reason: EndedReason) -> Iterator[EndConversation]:
    if facts.position is not None:
        return
    counted = frozenset(facts.ended)
    for index in range(1, facts.total + 1):
        if index not in counted:
            yield EndConversation(index, reason)


def _owed_starts(facts: RunFacts) -> range:
    """1..concurrency, and for each position p in `ended` the conversation concurrency + p: no counter to lose."""
    if facts.position is not None:
        index = facts.concurrency + facts.position
        return range(index, min(index, facts.total) + 1)
    return range(1, min(facts.total, facts.concurrency + len(facts.ended)) + 1)
