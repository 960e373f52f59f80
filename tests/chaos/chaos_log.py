"""What the suite itself saw and did: strikes, and what each run was asked and told."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chaos.ledger import Call

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
class Heard:
    """One answer as one client put it together, from its `start` on."""

    resets: bool = False
    """Whether the client knows `reset-step` (AI SDK 7)."""
    whole: str = ""
    """What the answer should come to: whatever is told of it is how that begins."""
    seq: int | None = None
    chat_id: str | None = None
    message_id: str | None = None
    text: str = ""
    """Of the step that counts: the last one."""
    metadata: Body = field(default_factory=dict)
    ended: str | None = None
    """The chunk that ended it: `finish`, `abort` or `error`."""
    done: bool = False
    ids: set[str] = field(default_factory=set)
    last_id: str | None = None
    text_ids: set[str] = field(default_factory=set)
    open_text: str | None = None
    in_step: bool = False
    taken_back: int = 0
    """How often text that was told counted for nothing."""
    surprises: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Asked:
    """One thing that a person wanted answered: `kind` is `say`, `edit` or `regenerate`."""

    kind: str
    message_id: str
    words: str
    answer_id: str | None = None
    """What is to be answered again."""
    posts: int = 0
    accepted: bool = False
    """Whether a gateway began to answer it."""
    stop_asked: bool = False
    stopped: tuple[int, float] | None = None
    """The answer a stop was told to be of, and when."""
    absence: float = 0.0
    """The longest time without a connection, in seconds."""
    heard: Heard | None = None
    """The answer, once it was heard to its end."""
    tabs: list[Heard] = field(default_factory=list)
    """What other tabs that posted the same heard of it, to whatever point."""
    connections: int = 0
    resumes: int = 0


@dataclass(slots=True)
class Line:
    """A message as its person remembers it."""

    role: str
    id: str
    text: str | None
    """None where an answer failed: what was shown of it counts for nothing."""


@dataclass(slots=True)
class Chat:
    """One chat as its person saw it."""

    client_id: str
    resets: bool
    run_id: str | None = None
    asked: list[Asked] = field(default_factory=list)
    history: list[Line] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ChaosLog:
    """Everything of one chaos run that no server holds."""

    seed: int
    began: float
    calm_at: float = 0.0
    strikes: list[Strike] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    chats: list[Chat] = field(default_factory=list)
    replayed: set[str] = field(default_factory=set)
    """Generation keys whose job was published once more."""
    hostile_calls: list[Call] = field(default_factory=list)
    """What the hostile provider was asked."""
    hostile_answers: Counter[int] = field(default_factory=Counter)
    """How the hostile client's requests were answered, by status; 0 where the connection broke."""
    failings: list[str] = field(default_factory=list)
    """Requests that met an error of ours: a 5xx that does not say who is away."""
    leaks: list[str] = field(default_factory=list)
    """Answers that held the planted secret."""
    trouble: list[str] = field(default_factory=list)
    """What went wrong in the suite or could not be started; never silently lost."""
