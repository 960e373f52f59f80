"""Dead letters on the wire."""

from typing import Any, Literal

from shared.contracts.enums import Purpose
from shared.contracts.model import Contract
from shared.contracts.timestamps import Timestamp
from shared.contracts.transcript import Failure

LetterKind = Literal["generation", "look", "report", "terminated"]


class DeadLetterItem(Contract):
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


class DeadLetterPage(Contract):
    items: list[DeadLetterItem]
    next_cursor: str | None = None


class DeadLetterView(DeadLetterItem):
    """A letter with the subject it stands on and its payload, as it was written."""

    subject: str
    payload: dict[str, Any]


class Replayed(Contract):
    """Work that was put back: `message_id` on `subject`; `duplicate` where it was put back a moment ago already."""

    id: str
    run_id: str
    subject: str
    message_id: str
    duplicate: bool
