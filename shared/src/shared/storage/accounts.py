"""A run's money and progress as one pipeline update: reserve, settle, raise (docs/protocol.md section 8).

Every figure is absolute and raised with `$max`, so that repetition and order do not matter. A change is a list of
pipeline stages; changes of many conversations of one run are simply concatenated into one update.

A run's document holds, beside its totals in `budget` and `usage`,
`slots.c<index>.<turn|judge>` = {seq, estimate, open} and
`spent.c<index>.<turn|judge|other>` = {cost, prompt, completion}, and what else of a usage is not zero, by its name.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from shared.contracts.enums import RunStatus, Stage, Wanted
from shared.contracts.transcript import Usage

Slot = Literal["turn", "judge"]
Part = Literal["turn", "judge", "other"]
Stages = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Settle:
    """A result is in: the slot is past this seq, whatever it held up to it, or is asked to hold later."""

    slot: Slot
    seq: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What a conversation has spent in one part so far, as an absolute figure."""

    part: Part
    usage: Usage


@dataclass(frozen=True, slots=True)
class Reserve:
    """A job is to be published: takes the slot for seq if the run is wanted to run and its budget allows."""

    slot: Slot
    seq: int
    estimate_nanos: int


@dataclass(frozen=True, slots=True)
class EventRecorded:
    """A fact stands on the stream: moves the run's `event_sequence`, its time, and how far its conversation is."""

    sequence: int
    at: datetime
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Begin:
    """`run.started` stands on the stream at `sequence`: marks the run as begun, once."""

    sequence: int
    at: datetime
    deadline_at: datetime


Change = Settle | Spent | Reserve | EventRecorded | Begin


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What one look does to its run's account, for conversation `index`."""

    index: int
    changes: tuple[Change, ...]


def stages(change: AccountChange) -> Stages:
    """The pipeline stages of a change, in its order."""
    return [stage for part in change.changes for stage in _stages(change.index, part)]


def _stages(index: int, change: Change) -> Stages:
    if isinstance(change, Settle):
        return _settle(index, f"slots.c{index}.{change.slot}", change.seq)
    if isinstance(change, Spent):
        return _raise(f"spent.c{index}.{change.part}", change.usage)
    if isinstance(change, Reserve):
        return _reserve(index, f"slots.c{index}.{change.slot}", change)
    if isinstance(change, Begin):
        return _begin(change)
    return [
        {
            "$set": {
                "event_sequence": {"$max": ["$event_sequence", change.sequence]},
                "last_event_at": {"$max": ["$last_event_at", change.at]},
                "current_turn": {"$max": ["$current_turn", change.seq]},
            }
        }
    ]


def _begin(change: Begin) -> Stages:
    begun = {"started_at": change.at, "deadline_at": change.deadline_at, "status": RunStatus.RUNNING.value}
    new = {"$eq": [{"$ifNull": ["$started_at", None]}, None]}
    return [
        {
            "$set": {name: {"$cond": [new, value, f"${name}"]} for name, value in begun.items()}
            | {
                "event_sequence": {"$max": ["$event_sequence", change.sequence]},
                "last_event_at": {"$max": ["$last_event_at", change.at]},
            }
        }
    ]


def _settle(index: int, slot: str, seq: int) -> Stages:
    # Also a slot that never held it: where the budget bounds nothing jobs are published without one, and a look that
    # was held up would take a slot for what is long over.
    reached = {"$and": [{"$lte": [{"$ifNull": [f"${slot}.seq", 0]}, seq]}, {"$not": [{"$in": [index, "$ended"]}]}]}
    held = {"$and": [reached, {"$eq": [f"${slot}.open", True]}]}
    estimate = {"$ifNull": [f"${slot}.estimate", 0]}
    return [
        {
            "$set": {
                "budget.open": {"$subtract": ["$budget.open", {"$cond": [held, estimate, 0]}]},
                slot: {"$cond": [reached, {"seq": seq, "estimate": estimate, "open": False}, f"${slot}"]},
            }
        }
    ]


# An ended run's totals are set by aggregation, which holds what a late look would add once more.
_OPEN = {"$eq": [{"$ifNull": ["$ended_at", None]}, None]}


_FIGURES: Final = {"cost_nanos": "cost", "prompt_tokens": "prompt", "completion_tokens": "completion"}


def _raise(path: str, usage: Usage) -> Stages:
    update: dict[str, Any] = {}
    # Zeros that are left out of a usage raise nothing.
    for field, value in usage.model_dump().items():
        figure = f"{path}.{_FIGURES.get(field, field)}"
        before = {"$ifNull": [f"${figure}", 0]}
        raised = {"$max": [before, value]}
        update[figure] = raised
        for total in (f"usage.{field}", "budget.spent") if field == "cost_nanos" else (f"usage.{field}",):
            more = {"$cond": [_OPEN, {"$subtract": [raised, before]}, 0]}
            update[total] = {"$add": [{"$ifNull": [f"${total}", 0]}, more]}
    return [{"$set": update}]


def _reserve(index: int, slot: str, change: Reserve) -> Stages:
    held = {"$cond": [{"$eq": [f"${slot}.open", True]}, f"${slot}.estimate", 0]}
    after = {"$add": [{"$subtract": ["$budget.open", held]}, change.estimate_nanos]}
    taken = {
        "$and": [
            {"$lt": [{"$ifNull": [f"${slot}.seq", 0]}, change.seq]},
            {"$not": [{"$in": [index, "$ended"]}]},
            {"$eq": ["$control.wanted", Wanted.RUN.value]},
            {"$lte": [{"$add": ["$budget.spent", after]}, "$budget.max"]},
        ]
    }
    value = {"seq": change.seq, "estimate": change.estimate_nanos, "open": True}
    return [
        {
            "$set": {
                "budget.open": {"$cond": [taken, after, "$budget.open"]},
                slot: {"$cond": [taken, value, f"${slot}"]},
            }
        }
    ]


def raised(index: int, change: Reserve) -> tuple[dict[str, Any], Stages]:
    """What has to hold for a slot to hold more, and the stages that have it do so.

    A slot that does not hold this seq (the budget bounds nothing, or its result is in) is left as it is.
    """
    slot = f"slots.c{index}.{change.slot}"
    holds = {"$and": [{"$eq": [f"${slot}.seq", change.seq]}, {"$eq": [f"${slot}.open", True]}]}
    held = {"$cond": [holds, f"${slot}.estimate", 0]}
    more = {"$max": [0, {"$subtract": [change.estimate_nanos, held]}]}
    fits = {"$lte": [{"$add": ["$budget.spent", "$budget.open", more]}, "$budget.max"]}
    value = {"seq": change.seq, "estimate": {"$add": [held, more]}, "open": True}
    open_too = {"$add": ["$budget.open", {"$cond": [holds, more, 0]}]}
    return fits, [{"$set": {"budget.open": open_too, slot: {"$cond": [holds, value, f"${slot}"]}}}]


def judge_place(seq: int, stage: Stage) -> int:
    """Where a stage stands in its conversation's judge slot: stages of one message follow each other."""
    return seq * len(Stage) + list(Stage).index(stage)


def count_stages(index: int, failed: bool) -> Stages:
    """Counts a conversation: its index appended, a counter raised, its slots removed and what they held released."""
    held = {
        "$add": [
            {
                "$cond": [
                    {"$eq": [f"$slots.c{index}.{slot}.open", True]},
                    f"$slots.c{index}.{slot}.estimate",
                    0,
                ]
            }
            for slot in ("turn", "judge")
        ]
    }
    counter = "failed" if failed else "completed"
    return [
        {
            "$set": {
                "ended": {"$concatArrays": ["$ended", [index]]},
                counter: {"$add": [f"${counter}", 1]},
                "budget.open": {"$subtract": ["$budget.open", held]},
            }
        },
        {"$unset": f"slots.c{index}"},
    ]
