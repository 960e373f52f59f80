"""Work that was given up: listed, inspected, replayed."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.access.callers import CallerOfRequest, NeedsOperator
from gateway.dead_letters import records
from gateway.dead_letters.views import DeadLetterPage, DeadLetterView, Replayed
from gateway.http.paging import Limit, page_size
from gateway.services import NeedsStore, ServicesOfApp

DeadLetterCursor = Annotated[
    str | None,
    Query(
        max_length=100,
        description="`nextCursor` of the page before.",
        json_schema_extra={"pattern": f"^{records.SEQUENCE.pattern}$"},
    ),
]

router = APIRouter(prefix="/api/admin/dead-letters", tags=["operations"], dependencies=[NeedsOperator, NeedsStore])


@router.get("", summary="List work that was given up, newest first", response_model=DeadLetterPage)
async def list_dead_letters(
    services: ServicesOfApp, caller: CallerOfRequest, cursor: DeadLetterCursor = None, limit: Limit = None
) -> DeadLetterPage:
    client = records.client_of(services.connection)
    return await records.page(client, services.store_of(caller.owner), cursor, page_size(services.settings, limit))


@router.get("/{letter_id}", summary="Show what was given up, and why", response_model=DeadLetterView)
async def get_dead_letter(letter_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> DeadLetterView:
    client = records.client_of(services.connection)
    record = await records.find_record(client, services.store_of(caller.owner), letter_id)
    return records.view(record)


@router.post(
    "/{letter_id}/replay",
    status_code=202,
    summary="Put given-up work back on its queue, where it can still change something",
    response_model=Replayed,
)
async def replay_dead_letter(letter_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> Replayed:
    return await services.replays.replay(caller, letter_id)
