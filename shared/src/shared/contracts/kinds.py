"""What holds for every kind of run, one row a kind (docs/extending.md, "How to add a kind of run")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.contracts.enums import Lane, Purpose, RunKind


@dataclass(frozen=True, slots=True)
class KindRules:
    """What holds for every run of one kind.

    `purpose` is what the messages of its conversations are generated for.
    `folder` is where it is read under `/api`, and `noun` what it is called in the names of those operations.
    `answers` says that somebody waits for an answer: run and conversation are one then and have one id, and it is its
    user's alone; every other run is its tenant's.
    `endless` says that it has no end of its own, as a chat: nothing about it is ever overdue.
    `reported` says that a report of statistics follows its end, and `prose_from` from how many conversations on a
    model writes in it, too, where anything was judged; None where none ever does.
    `pausable` says that it can be paused, `retried` that what failed of it can be played again.
    """

    purpose: Purpose
    folder: str = "runs"
    noun: str = "run"
    answers: bool = False
    endless: bool = False
    reported: bool = False
    prose_from: int | None = None
    pausable: bool = False
    retried: bool = False

    def has_prose(self, conversations: int) -> bool:
        """Whether a model writes in the report of so many conversations."""
        return self.prose_from is not None and conversations >= self.prose_from


KINDS: Final[Mapping[RunKind, KindRules]] = {
    RunKind.BATTLE: KindRules(
        Purpose.TURN, "battles", "battle", reported=True, prose_from=2, pausable=True, retried=True
    ),
    RunKind.SCALE: KindRules(
        Purpose.TURN, "scale", "scale_test", reported=True, prose_from=1, pausable=True, retried=True
    ),
    RunKind.COMPARISON: KindRules(
        Purpose.TURN, "comparisons", "comparison", reported=True, prose_from=2, pausable=True
    ),
    RunKind.CHAT: KindRules(Purpose.CHAT, answers=True, endless=True),
    RunKind.ASSIST: KindRules(Purpose.ASSIST, answers=True),
}

PLAYED: Final = tuple(kind for kind, rules in KINDS.items() if not rules.answers)
"""Kinds of runs that are their tenant's."""
ANSWERED: Final = tuple(kind for kind, rules in KINDS.items() if rules.answers)
"""Kinds of runs that are their user's alone."""
FINITE: Final = tuple(kind for kind, rules in KINDS.items() if not rules.endless)
"""Kinds of runs that come to an end."""
FOLDERS: Final = {"runs": "run"} | {rules.folder: rules.noun for rules in KINDS.values()}
"""The folders runs are read in under `/api`, each with its noun: every run is in `runs`."""

MESSAGE_PURPOSES: Final = frozenset(rules.purpose for rules in KINDS.values())
"""Purposes whose result is an entry of a transcript; every other result is a generation."""
ANSWER_PURPOSES: Final = frozenset(rules.purpose for rules in KINDS.values() if rules.answers)
"""Purposes whose answer somebody waits for: it can be stopped, and is not written on when nobody reads it."""
LANE_OF: Final = {purpose: Lane.LIVE if purpose in ANSWER_PURPOSES else Lane.BATCH for purpose in Purpose}
