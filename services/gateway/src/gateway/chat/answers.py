"""An answer of a chat: the one that stands at a seq, or is owed there."""

from dataclasses import dataclass

from gateway.answers.positions import Position
from gateway.chat.decide import ChatState, answer_id
from gateway.event_stream.log.cursors import run_tag
from shared.contracts.enums import Side
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be followed: `after` is a sequence below its first event, None where it has to be found."""

    run: Run
    chat: ChatState
    seq: int
    after: int | None = None

    @property
    def standing(self) -> Entry | None:
        """The answer where it stands already."""
        return self.chat.entries[self.seq - 1] if self.seq < self.chat.next_seq else None

    @property
    def question(self) -> Entry | None:
        """What stands right before it."""
        return self.chat.entries[self.seq - 2] if 2 <= self.seq <= self.chat.next_seq else None

    @property
    def message_id(self) -> str:
        """The id under which clients are shown the answer."""
        return answer_id(self.chat.messages, self.seq, f"{self.run.id}:{self.seq}")

    def at(self, since: Position) -> "Answer | None":
        """The answer of this chat that a position is of; None where it is no position of this chat."""
        if since.cursor.tag != run_tag(self.run.id) or not 1 <= since.seq <= self.chat.next_seq:
            return None
        there = Answer(self.run, self.chat, since.seq)
        if there.standing is None:
            return there if self.chat.owed else None
        return there if there.standing.side is Side.AGENT else None
