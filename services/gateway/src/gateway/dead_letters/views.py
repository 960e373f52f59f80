"""Dead letters on the wire."""

from typing import Any, Literal

from shared.contracts.record import Record, Timestamp
from shared.contracts.transcript import Failure
from shared.contracts.words import Purpose

LetterKind = Literal["generation", "look", "report", "terminated"]


class DeadLetterItem(Record):
    """Work that was given up, and why; `id` is where its letter stands on the stream.

    `generation` is a job of llm-runner, `look` a trigger of the orchestrator, `report` one of the summarizer,
    `terminated` a message nobody could read.
    """

    id: str
    kind: LetterKind
    at: Timestamp
    error: Failure
    run_id: str | None = None
    conversation_id: str | None = None
    seq: int | None = None
    purpose: Purpose | None = None
    key: str | None = None


class DeadLetterPage(Record):
    items: list[DeadLetterItem]
    next_cursor: str | None = None


class DeadLetterView(DeadLetterItem):
    """A letter with the subject it stands on and its payload, as it was written."""

    subject: str
    payload: dict[str, Any]


class Replayed(Record):
    """Work that was put back: `message_id` on `subject`; `duplicate` where it was put back a moment ago already."""

    id: str
    run_id: str
    subject: str
    message_id: str
    duplicate: bool
