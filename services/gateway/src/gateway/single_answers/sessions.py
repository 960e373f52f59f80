"""Answers for EventSource, which cannot post: asked for first, read by GET, resumed by every reconnect."""

from fastapi import Request, Response

from gateway.access.callers import ANYBODY, Caller
from gateway.access.token_grants import token_for
from gateway.errors import NotFound
from gateway.event_stream.asked import last_event_id
from gateway.http.head_requests import is_head
from gateway.services import Services
from gateway.single_answers.formats import ResumableFormat, read_id
from gateway.single_answers.runs import begin, find_answer, keep
from gateway.single_answers.serving import streamed_answer
from shared.contracts.record import Record, Timestamp
from shared.contracts.runs import Run
from shared.errors import BrokerUnavailable, StoreUnavailable


class SessionView(Record):
    """A question that waits for its reader: an EventSource on `url`, before `expires_at`."""

    sid: str
    url: str
    expires_at: Timestamp


async def session(services: Services, caller: Caller, run: Run, path: str) -> Response:
    """Keeps a question for its reader: 201 with its `sid`.

    An EventSource cannot say whose it is: where that has to be said, its URL says so by a token.
    """
    url = f"{path}?sid={run.id}"
    if caller.owner != ANYBODY:
        token, _ = await token_for(services, caller, [run])
        url += f"&token={token}"
    view = SessionView(sid=run.id, url=url, expires_at=await keep(services, run))
    return Response(view.to_json(), 201, {"Location": view.url}, media_type="application/json")


def reconnect(request: Request, sid: str | None = None) -> tuple[str, int, bool] | None:
    """What a reconnecting client has of an answer (of `sid`, where it names one); None for a first request."""
    had = read_id(last_event_id(request))
    return None if had is None or sid not in (None, had[0]) else had


async def read_session(
    request: Request, services: Services, caller: Caller, sid: str, form: type[ResumableFormat]
) -> Response:
    """The answer of a `sid`: begun by its first reader, gone on with for every later one, 204 for who has its end.

    Raises NotFound for a first request; a reconnect to what is gone is 204, so that it is the last one.
    """
    had = reconnect(request, sid)
    if had is not None and had[2]:
        return Response(status_code=204)
    try:
        services.store_watch.check()
        found = await find_answer(services, caller, sid)
        if found is None and had is not None:
            return Response(status_code=204)
        if found is None:
            raise NotFound("answer", sid)
        run = found.run if found.begun or is_head(request.scope) else await begin(services, found.run)
    except (StoreUnavailable, BrokerUnavailable) as error:
        return services.streams.come_again(error)
    return streamed_answer(request, services, caller, run, form(run.id, had[1] if had else 0), resumes=True)
