"""Which facts a reader was told already, whichever way they came."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from agentwars.sse import Event

_IDS_KEPT: Final = 4096
_ONCE_A_RUN: Final = frozenset({"run.started", "report.ready", "run.ended"})
_FactKey = tuple[Any, ...]


@dataclass
class DeliveredFacts:
    """Facts by what they say (a run has a bounded number of them), hints by their latest ids."""

    _facts: set[_FactKey] = field(default_factory=set)
    _order: deque[str] = field(default_factory=deque)
    _ids: set[str] = field(default_factory=set)
    _last_seq: dict[str, int] = field(default_factory=dict)

    def is_news(self, event: Event) -> bool:
        """Whether the event wasn't delivered yet; from now on it was."""
        known_id = event.id is not None and event.id in self._ids
        key = _fact_key(event)
        known_fact = key is not None and key in self._facts
        self._note(event, key)
        return not (known_id or known_fact)

    def last_seq(self, conversation_id: str) -> int:
        """The highest seq of the conversation's messages that were delivered; 0 for none."""
        return self._last_seq.get(conversation_id, 0)

    def has_ended(self, conversation_id: str) -> bool:
        return ("conversation.ended", conversation_id) in self._facts

    def has(self, kind: str) -> bool:
        """Whether a fact that stands once a run was delivered."""
        return (kind,) in self._facts

    def _note(self, event: Event, key: _FactKey | None) -> None:
        if key is not None:
            self._facts.add(key)
        if event.type == "message":
            conversation = str(event.data.get("conversationId"))
            self._last_seq[conversation] = max(self.last_seq(conversation), int(event.data.get("seq", 0)))
        if event.id is None or event.id in self._ids:
            return
        self._ids.add(event.id)
        self._order.append(event.id)
        if len(self._order) > _IDS_KEPT:
            self._ids.discard(self._order.popleft())


def _fact_key(event: Event) -> _FactKey | None:
    data = event.data
    if event.type in _ONCE_A_RUN:
        return (event.type,)
    if event.type == "conversation.ended":
        return (event.type, data.get("conversationId"))
    if event.type == "message":
        return (event.type, data.get("conversationId"), data.get("seq"))
    if event.type == "judgement":
        return (event.type, data.get("conversationId"), data.get("seq"), data.get("stage"))
    return None
