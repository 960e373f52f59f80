"""Runs of every kind: lists, status, conversations, and what is wanted of them."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from gateway.access.callers import CallerOfRequest
from gateway.access.token_callers import ReadByToken
from gateway.errors import FieldProblem, InvalidRequest
from gateway.http.conditional import conditional, prefers_event_stream
from gateway.http.paging import Cursor, Limit, page_size
from gateway.routes.streams import ENDED
from gateway.runs.conversations import conversation_page
from gateway.runs.listing import runs_page
from gateway.runs.lookups import find_run
from gateway.schemas.answers import ConversationPage, ConversationStatus, RunPage
from gateway.schemas.events import as_events
from gateway.services import NeedsStore, ServicesOfApp
from shared.contracts.enums import RunKind, RunStatus, Wanted
from shared.contracts.identity import conversation_index
from shared.contracts.kinds import FOLDERS
from shared.contracts.runs import StatusView, status_view
from shared.errors import StoreUnavailable

WISHES = {"cancel": Wanted.CANCEL, "pause": Wanted.PAUSE, "resume": Wanted.RUN}

CONVERSATION_CURSOR: Final = re.compile(r"[A-Za-z0-9]{1,64}-[1-9][0-9]{0,8}")
"""The id of the last conversation of the page before."""
ConversationCursor = Annotated[
    str | None,
    Query(
        max_length=100,
        description="`nextCursor` of the page before.",
        json_schema_extra={"pattern": f"^{CONVERSATION_CURSOR.pattern}$"},
    ),
]

router = APIRouter(tags=["runs"])


@router.get("/api/runs", summary="List runs, newest first", response_model=RunPage, dependencies=[NeedsStore])
async def list_runs(
    services: ServicesOfApp,
    caller: CallerOfRequest,
    kind: RunKind | None = None,
    status: RunStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> RunPage:
    return await runs_page(services.store_of(caller.owner), kind, status, cursor, page_size(services.settings, limit))


async def show_status(run_id: str, request: Request, services: ServicesOfApp, caller: CallerOfRequest) -> Response:
    streamed = prefers_event_stream(request.headers.get("accept"))
    try:
        services.store_watch.check()
        run = await find_run(services.store_of(caller.owner), run_id)
    except StoreUnavailable as error:
        # An EventSource gives up for good on 503.
        if streamed:
            return services.streams.reconnect_later(error)
        raise
    if streamed:
        return await services.streams.status(request, caller, run)
    return conditional(request, status_view(run))


async def list_conversations(
    run_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    status: Annotated[ConversationStatus | None, Query()] = None,
    cursor: ConversationCursor = None,
    limit: Limit = None,
) -> ConversationPage:
    store = services.store_of(caller.owner)
    run = await find_run(store, run_id)
    size = page_size(services.settings, limit)
    return await conversation_page(store, run, _index_of(cursor), status, size)


def _index_of(cursor: str | None) -> int:
    """The index of the run's conversation that a cursor names. Raises InvalidRequest."""
    if cursor is None:
        return 0
    if not CONVERSATION_CURSOR.fullmatch(cursor):
        raise InvalidRequest(FieldProblem("cursor", "is no cursor of this list: send nextCursor as it was"))
    return conversation_index(cursor)


def _wish(wanted: Wanted) -> Callable[..., Awaitable[StatusView]]:
    async def set_wanted(run_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> StatusView:
        return status_view(await services.control.want(caller.owner, run_id, wanted))

    return set_wanted


for _folder, _noun in FOLDERS.items():
    router.add_api_route(
        f"/api/{_folder}/{{run_id}}/status",
        show_status,
        methods=["GET"],
        summary="Show a run's status: as JSON with an ETag, or as an event stream",
        response_model=StatusView,
        name=f"get_{_noun}_status",
        responses=ENDED
        | {
            200: {"content": as_events("StatusMessage"), "headers": {"ETag": {"schema": {"type": "string"}}}},
            304: {"description": "The version named by If-None-Match still stands."},
        },
        dependencies=[ReadByToken],
    )
    router.add_api_route(
        f"/api/{_folder}/{{run_id}}/conversations",
        list_conversations,
        methods=["GET"],
        summary="List a run's conversations by index",
        response_model=ConversationPage,
        name=f"list_{_noun}_conversations",
        dependencies=[NeedsStore, ReadByToken],
    )
    for _verb, _wanted in WISHES.items():
        router.add_api_route(
            f"/api/{_folder}/{{run_id}}/{_verb}",
            _wish(_wanted),
            methods=["POST"],
            status_code=202,
            summary=f"{_verb.capitalize()} a run",
            response_model=StatusView,
            name=f"{_verb}_{_noun}",
            dependencies=[NeedsStore],
        )
