"""What a conversation has spent, part by part, as absolute figures. Pure."""

from shared.contracts.generations import Generation, UsageRow
from shared.contracts.transcript import Entry, Usage
from shared.storage.accounts import Spent


def spent_figures(entries: list[Entry], generations: list[Generation], rows: list[UsageRow]) -> tuple[Spent, ...]:
    """All that it has spent so far, what is booked beside its results included."""
    counted = {entry.attempt for entry in entries} | {generation.attempt for generation in generations}
    others = [row.usage for row in rows if row.id not in counted]
    return (*results_spent(entries, generations), Spent("other", sum(others, Usage())))


def total(spent: tuple[Spent, ...]) -> Usage:
    """The sum of a conversation's parts."""
    return sum((figure.usage for figure in spent), Usage())


def results_spent(entries: list[Entry], generations: list[Generation]) -> tuple[Spent, ...]:
    """What a conversation's results have cost so far."""
    return (
        Spent("turn", sum((entry.usage for entry in entries), Usage())),
        Spent("judge", sum((generation.usage for generation in generations), Usage())),
    )
