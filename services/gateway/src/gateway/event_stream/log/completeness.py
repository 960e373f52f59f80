"""What a log has, and up to where nothing is missing: plain figures, without a look at any stream.

*Complete* on a subject is the last sequence up to which nothing of it is missing. An event of `.events` that turns
out to be missing below what readers have got already is told as `gap`; a missing delta there is healed by its
`message` (docs/architecture.md, "Event streams in the gateway").
"""

from gateway.event_stream.log.events import LogScope, StreamEvent


class Completeness:
    """`position` is the last sequence that readers have, or that holds nothing of the scope."""

    __slots__ = ("_everywhere", "_on", "_scope", "position")

    def __init__(self, scope: LogScope, position: int) -> None:
        self.position = position
        self._scope = scope
        self._everywhere = position
        self._on: dict[str, int] = {}

    @property
    def of_events(self) -> int:
        """Up to where no event is missing."""
        return self._up_to(self._scope.events)

    def hole_before(self, event: StreamEvent) -> bool:
        """Whether something is missing before an event above `position`, and has to be read first."""
        if event.previous <= self._up_to(event.subject):
            return False
        # Below what was appended already a missing delta stays missing; a missing event has to be told.
        return event.subject == self._scope.events or event.previous > self.position

    def append(self, event: StreamEvent) -> None:
        """The event is in the log, and nothing of its subject is missing before it."""
        self.position = event.sequence
        self._on[event.subject] = event.sequence

    def takes_late(self, event: StreamEvent) -> bool:
        """Whether what is at or below `position` was missing, and is an event: it is missing no longer."""
        if event.subject != self._scope.events or event.sequence <= self._up_to(event.subject):
            return False
        self._on[event.subject] = event.sequence
        return True

    def read(self, up_to: int) -> None:
        """Everything up to a sequence was read."""
        self.position = max(self.position, up_to)
        self._everywhere = max(self._everywhere, up_to)
        self._on.clear()

    def skip(self, last: int) -> None:
        """What is missing up to a sequence is not waited for any more."""
        self.position = self._everywhere = max(self.position, last)

    def _up_to(self, subject: str) -> int:
        return max(self._everywhere, self._on.get(subject, 0))
