"""What a reader's request asks for: filters, a cursor, where to begin. Checked before the first byte."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from starlette.requests import Request

from gateway.errors import FieldProblem, InvalidRequest, NotFound
from gateway.event_stream.log.cursors import Cursor, read_cursor
from gateway.event_stream.log.events import EventFilter
from shared.contracts.runs import Run

TYPES: Final = (
    "run.started",
    "attempt.started",
    "delta",
    "tool.started",
    "tool.ended",
    "attempt.discarded",
    "message",
    "judgement",
    "conversation.ended",
    "progress",
    "run.paused",
    "run.resumed",
    "run.canceled",
    "report.ready",
    "run.ended",
    "snapshot",
    "gap",
)
_TYPE: Final = "|".join(map(re.escape, TYPES))
TYPES_LISTED: Final = rf"^(({_TYPE})(,({_TYPE}))*)?$"


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """`foreign` says that a last id was sent that is no cursor of ours."""

    wanted: EventFilter
    cursor: Cursor | None
    foreign: bool
    begins: Literal["start", "now"]


def last_event_id(request: Request) -> str | None:
    """What a reconnecting client has: the header an EventSource sends, or the query of one that was made anew."""
    sent = request.headers.get("last-event-id") or request.query_params.get("lastEventId")
    return sent.strip() if sent and sent.strip() else None


def read_stream_request(request: Request, run: Run, conversation: str | None) -> StreamRequest:
    """What is asked of a run's events; `conversation` where the path names one. Raises InvalidRequest, NotFound."""
    last_id = last_event_id(request)
    cursor = read_cursor(last_id)
    query = request.query_params
    begins = query.get("from", "start")
    if begins not in ("start", "now"):
        raise InvalidRequest(FieldProblem("from", "must be start or now", ["start", "now"]))
    named = conversation or query.get("conversation")
    if named is not None and not _is_of(run, named):
        raise NotFound("conversation", named)
    return StreamRequest(
        wanted=EventFilter(_types(query.get("types")), named),
        cursor=cursor,
        foreign=last_id is not None and cursor is None,
        begins="now" if begins == "now" else "start",
    )


def _types(sent: str | None) -> frozenset[str] | None:
    if sent is None or not sent.strip():
        return None
    types = frozenset(part.strip() for part in sent.split(","))
    unknown = sorted(types.difference(TYPES))
    if unknown:
        raise InvalidRequest(FieldProblem("types", f"holds {unknown[0]!r}, which is no event type", list(TYPES)))
    return types


def _is_of(run: Run, conversation: str) -> bool:
    if run.rules.answers:
        return conversation in (run.id, run.client_id)
    index = conversation.rpartition("-")[2]
    if not (index.isascii() and index.isdecimal()) or len(index) > 9:
        return False
    return 1 <= int(index) <= run.total and run.conversation_id(int(index)) == conversation
