"""Answers for EventSource, which cannot post: asked for first, read by GET, resumed by every reconnect."""

from starlette.requests import Request

from gateway.event_stream.readers.stream_request import last_event_id
from gateway.single_answers.formats import read_id
from shared.contracts.model import Contract
from shared.contracts.timestamps import Timestamp


class SessionView(Contract):
    """A question that waits for its reader: an EventSource on `url`, before `expires_at`."""

    sid: str
    url: str
    expires_at: Timestamp


def reconnect(request: Request, sid: str | None = None) -> tuple[str, int, bool] | None:
    """What a reconnecting client has of an answer (of `sid`, where it names one); None for a first request."""
    had = read_id(last_event_id(request))
    return None if had is None or sid not in (None, had[0]) else had
