"""The event streams of runs (docs/api.md, "Event stream of a run")."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.access.callers import CallerOfRequest
from gateway.access.token_callers import ReadByToken
from gateway.event_stream.readers.stream_request import TYPES_LISTED
from gateway.runs.lookups import find_conversation, find_run
from gateway.schemas.events import as_events
from gateway.services import ServicesOfApp
from shared.contracts.kinds import FOLDERS
from shared.errors import StoreUnavailable

ENDED: dict[int | str, dict[str, Any]] = {
    204: {"description": "The run has ended, and `Last-Event-ID` is its last event."}
}
AS_EVENTS = ENDED | {
    200: {"content": as_events("StreamedEvent"), "description": "The events; `id:` is where a reconnect goes on."}
}
AS_STATUSES = ENDED | {
    200: {
        "content": as_events("StatusMessage"),
        "description": "The status at each change; the last one is `terminal`.",
    }
}

LastEventId = Annotated[str | None, Query(alias="lastEventId", description="As the header `Last-Event-ID`.")]
Types = Annotated[
    str | None,
    Query(description="Event types to send, with commas between them.", json_schema_extra={"pattern": TYPES_LISTED}),
]
Conversation = Annotated[str | None, Query(description="Only this conversation's events, and the run's own.")]
From = Annotated[
    str | None,
    Query(alias="from", description="`start` (default) or `now`.", json_schema_extra={"enum": ["start", "now"]}),
]

router = APIRouter(tags=["event streams"])


async def stream_events(
    run_id: str,
    request: Request,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    types: Types = None,
    conversation: Conversation = None,
    start: From = None,
    last_event_id: LastEventId = None,
) -> Response:
    try:
        run = await find_run(services.store_of(caller.owner), run_id)
    except StoreUnavailable as error:
        return services.streams.reconnect_later(error)
    return await services.streams.events(request, caller, run)


for _folder, _noun in FOLDERS.items():
    router.add_api_route(
        f"/api/{_folder}/{{run_id}}/events",
        stream_events,
        methods=["GET"],
        summary="Follow a run's events",
        response_class=Response,
        responses=AS_EVENTS,
        name=f"follow_{_noun}_events",
        dependencies=[ReadByToken],
    )


@router.get(
    "/api/stream/{conversation_id}",
    summary="Follow one conversation's events (or, by a run's id, the run's)",
    response_class=Response,
    responses=AS_EVENTS,
    dependencies=[ReadByToken],
)
async def follow_conversation_events(
    conversation_id: str,
    request: Request,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    types: Types = None,
    start: From = None,
    last_event_id: LastEventId = None,
) -> Response:
    try:
        store = services.store_of(caller.owner)
        named = await store.runs.find(conversation_id)
        if named is not None:
            return await services.streams.events(request, caller, named)
        run, conversation = await find_conversation(store, conversation_id)
    except StoreUnavailable as error:
        return services.streams.reconnect_later(error)
    return await services.streams.events(request, caller, run, conversation)


@router.get(
    "/api/jobs/{job_id}/stream",
    summary="Follow a run's status: unnamed messages, the last one terminal",
    response_class=Response,
    responses=AS_STATUSES,
    dependencies=[ReadByToken],
)
async def follow_job_status(
    job_id: str, request: Request, services: ServicesOfApp, caller: CallerOfRequest
) -> Response:
    try:
        run = await find_run(services.store_of(caller.owner), job_id)
    except StoreUnavailable as error:
        return services.streams.reconnect_later(error)
    return await services.streams.status(request, caller, run)
