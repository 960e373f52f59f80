"""What the report of a run is owed. Pure: no broker, no store.

Every trigger means "look at the report of run X"; the first line that applies wins. Facts only grow, every effect can
be repeated, so acting on an old picture repeats an effect at worst (docs/protocol.md sections 2 and 5).

     1  a conversation is not counted yet             nothing: the count that is missing asks again
     2  `run.ended` is out                            nothing
     3  a report stands                               `report.ready`, then the run's end
     4  wanted: cancel                                a report of statistics only, `canceled`
     5  no prose is wanted                            a report of statistics only, `ready`
     6  nobody can write it                           a report of statistics only, `failed`
     7  an answer stands that can be used             the report
     8  it failed for good                            `failed`
     9  no repair of it stands                        the repair's generation, or `budget`
    10  the repair can be used, or not                the report, or `failed`
    11  a transcript is to be condensed, affordably   its generation
    12  otherwise                                     the report's generation, or `budget`
"""

from dataclasses import dataclass
from typing import Literal

from shared.contracts.reports import ReportDraft

Reason = Literal["canceled", "budget", "failed"]


@dataclass(frozen=True, slots=True)
class DraftAnswer:
    """What stands stored for the report's generation or its repair: a draft, or the problem with what was answered.

    `failed` says that the generation failed for good, so that there is nothing to repair.
    """

    draft: ReportDraft | None = None
    problem: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What is durable about a run's report.

    `condensing` holds the indexes of conversations whose transcript is too long for its share of the window and that
    no condensed text stands for; `left_nanos` is what the budget has left, the other two what is estimated.
    """

    counted: bool
    over: bool = False
    stands: bool = False
    canceled: bool = False
    prose_wanted: bool = True
    writable: bool = True
    condensing: tuple[int, ...] = ()
    answer: DraftAnswer | None = None
    repair: DraftAnswer | None = None
    left_nanos: int = 0
    report_nanos: int = 0
    condensing_nanos: int = 0


@dataclass(frozen=True, slots=True)
class Condense:
    """A generation that condenses conversation `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class Write:
    """The report's generation."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The one repetition of the report's generation after an answer of no use."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Store the report: with prose, without it because none is wanted, or `unavailable` for a reason."""

    draft: ReportDraft | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Announce:
    """`report.ready`, of the report that stands."""


@dataclass(frozen=True, slots=True)
class EndRun:
    """The run's end: terminal status and `run.ended`, its last fact."""


Effect = Condense | Write | Repair | Keep | Announce | EndRun


def decide(facts: ReportFacts) -> tuple[Effect, ...]:
    """What the report is owed now, in the order in which it is to be made so."""
    if not facts.counted or facts.over:
        return ()
    if facts.stands:
        return (Announce(), EndRun())
    owed = _prose(facts)
    if any(isinstance(effect, Keep) for effect in owed):
        return (*owed, Announce(), EndRun())
    return owed


def _prose(facts: ReportFacts) -> tuple[Effect, ...]:
    """Lines 4 to 12: what is to be kept, or written first."""
    if facts.canceled:
        return (Keep(reason="canceled"),)
    if not facts.prose_wanted:
        return (Keep(),)
    if not facts.writable:
        return (Keep(reason="failed"),)
    if facts.answer is not None:
        return (_answered(facts, facts.answer),)
    if facts.condensing and facts.condensing_nanos + facts.report_nanos <= facts.left_nanos:
        return tuple(Condense(index) for index in facts.condensing)
    return (Write() if _affordable(facts) else Keep(reason="budget"),)


def _answered(facts: ReportFacts, answer: DraftAnswer) -> Effect:
    """Lines 7 to 10: an answer stands."""
    if answer.draft is not None:
        return Keep(answer.draft)
    if answer.failed:
        return Keep(reason="failed")
    if facts.repair is None:
        return Repair() if _affordable(facts) else Keep(reason="budget")
    if facts.repair.draft is not None:
        return Keep(facts.repair.draft)
    return Keep(reason="failed")


def _affordable(facts: ReportFacts) -> bool:
    return facts.report_nanos <= facts.left_nanos
