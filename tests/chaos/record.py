"""What the suite itself saw and did: strikes, and what each run was asked and told."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

Body = dict[str, Any]


@dataclass(slots=True)
class Strike:
    """One fault as it happened. Times are seconds since 1970."""

    fault: str
    began: float
    ended: float = 0.0
    killed: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    detail: str = ""
    random: Random = field(default_factory=Random, repr=False)
    """Of this strike alone, so that whom it hits does not depend on what else goes on."""


@dataclass(slots=True)
class Listening:
    """What one SSE client got, over all its connections."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    messages: dict[tuple[str, int], str] = field(default_factory=dict)
    """sha256 by (conversation, seq)."""
    connections: int = 0
    snapshots: int = 0
    complete: bool = False
    surprises: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Polling:
    """What one polling client got."""

    messages: dict[tuple[str, int], str] = field(default_factory=dict)
    """Text by (conversation, seq)."""
    final: Body | None = None
    surprises: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """One run from outside: what was asked of it, and what was answered."""

    run_id: str
    key: str | None
    answered: set[str] = field(default_factory=set)
    """Every run id that a start with its key was answered with."""
    budget_usd: float = 0.0
    cancel_answered: float | None = None
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """From before a pause was asked for until its resume was answered."""
    listeners: list[Listening] = field(default_factory=list)
    pollers: list[Polling] = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True)
class Record:
    """Everything of one chaos run that no server holds."""

    seed: int
    began: float
    calm_at: float = 0.0
    strikes: list[Strike] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    replayed: set[str] = field(default_factory=set)
    """Generation keys whose job was published once more."""
    leaks: list[str] = field(default_factory=list)
    """Answers that held the planted secret."""
    trouble: list[str] = field(default_factory=list)
    """What went wrong in the suite or could not be started; never silently lost."""
