"""What a log follows, and what a reader wants of it."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.contracts import subjects
from shared.contracts.runs import Run

TEXTS_FOLLOWED: Final = 64
"""Up to so many conversations all texts of a run are followed; of a larger run only those somebody asks for."""

RUN_STARTED: Final = "run.started"
RUN_ENDED: Final = "run.ended"
DELTA: Final = "delta"
ALWAYS_SHOWN: Final = frozenset({RUN_ENDED, "snapshot", "gap"})


class StreamEvent(NamedTuple):
    """One event, live or from history. `previous` is the sequence before it on its subject, -1 where unknown."""

    sequence: int
    subject: str
    previous: int
    type: str
    conversation: str | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class LogScope:
    """The part of a run one log holds: all of it, its facts and hints only, or one conversation of a large run."""

    run_id: str
    texts: bool
    conversation: str | None = None

    @classmethod
    def of(cls, run: Run, conversation: str | None) -> "LogScope":
        """The scope that serves a reader of a run, or of one of its conversations."""
        if run.total <= TEXTS_FOLLOWED:
            return cls(run.id, texts=True)
        return cls(run.id, texts=conversation is not None, conversation=conversation)

    @property
    def events(self) -> str:
        """The subject whose every message counts; texts are healed by their `message`."""
        return subjects.events(self.run_id)

    @property
    def stored(self) -> list[str]:
        """The subjects the history is read from."""
        if not self.texts:
            return [self.events]
        if self.conversation is None:
            return [subjects.everything(self.run_id)]
        return [self.events, subjects.text(self.run_id, self.conversation)]

    @property
    def bound(self) -> str:
        """The subject whose last sequence bounds a read of all of them."""
        return subjects.everything(self.run_id) if self.texts else self.events

    @property
    def live(self) -> list[str]:
        """The subjects that are listened to."""
        return [subjects.republished(subject) for subject in self.stored]

    def holds(self, event: StreamEvent) -> bool:
        """Whether the log of this scope keeps the event."""
        return self.conversation is None or event.conversation in (None, self.conversation)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What one reader asked to see; events of the run itself belong to every conversation."""

    types: frozenset[str] | None = None
    conversation: str | None = None

    @property
    def everything(self) -> bool:
        return self.types is None and self.conversation is None

    def shows(self, type_: str, conversation: str | None) -> bool:
        """Whether the reader gets the event. What ends a stream, or says that something is missing, always."""
        if type_ in ALWAYS_SHOWN:
            return True
        if self.types is not None and type_ not in self.types:
            return False
        return self.conversation is None or conversation in (None, self.conversation)


EVERYTHING: Final = EventFilter()
