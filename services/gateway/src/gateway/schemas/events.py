"""What event streams hold, for the OpenAPI document: the schema of `text/event-stream` is that of one message.

The events themselves are contracts of `shared`, or are written as they are told; nothing is made from these classes.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.schemas.completions import CompletionChunk
from shared.contracts import events
from shared.contracts.deltas import Delta
from shared.contracts.enums import EndedReason
from shared.contracts.model import Contract, Message
from shared.contracts.runs import StatusView
from shared.contracts.transcript import MessageView, UsageView


class SnapshotConversation(Contract):
    """Messages only in runs of few conversations."""

    id: str
    status: Literal["running", "ended"]
    last_seq: int
    ended_reason: EndedReason | None
    goal_reached: bool | None
    messages: list[MessageView] | None = None


class Snapshot(Message, StatusView):
    """How a run stands, for a reader whose history is gone or who asked for none."""

    type: Literal["snapshot"] = "snapshot"
    conversations: list[SnapshotConversation]


class Gap(Message):
    """Events that will never come; what they said is read at `reread`."""

    type: Literal["gap"] = "gap"
    sent_from: str = Field(alias="from")
    to: str
    reread: str


class TokenMessage(Contract):
    """A part of the answer (`token`), its end (`done`), or why there is none (`error`)."""

    token: str | None = None
    done: bool | None = None
    finish_reason: str | None = None
    error: str | None = None
    message: str | None = None


class AssistMessage(Contract):
    """`token` events hold a part of the text, `done` the whole of it, `failed` why there is none."""

    token: str | None = None
    text: str | None = None
    usage: UsageView | None = None
    finish_reason: str | None = None
    error: str | None = None
    message: str | None = None


class ContentMessage(Contract):
    """A part of the answer, or why there is none."""

    content: str | None = None
    error: str | None = None
    message: str | None = None


class UiChunk(BaseModel):
    """A chunk of the AI SDK's UI message stream; what else it holds depends on its type."""

    model_config = ConfigDict(extra="allow")
    type: str


EVENTS: Final[tuple[type[Message], ...]] = (
    events.RunStarted,
    events.AttemptStarted,
    Delta,
    events.ToolStarted,
    events.ToolEnded,
    events.AttemptDiscarded,
    events.MessageAdded,
    events.JudgementMade,
    events.ConversationEnded,
    events.Progressed,
    events.ControlChanged,
    events.ReportReady,
    events.RunEnded,
    Snapshot,
    Gap,
)
STREAMED: Final[tuple[type[BaseModel], ...]] = (
    *EVENTS,
    TokenMessage,
    AssistMessage,
    ContentMessage,
    UiChunk,
    CompletionChunk,
)


def as_events(model: str) -> dict[str, Any]:
    """The content of an answer that is an event stream, whose messages hold such objects as `data:`."""
    return {"text/event-stream": {"schema": {"$ref": f"#/components/schemas/{model}"}}}
