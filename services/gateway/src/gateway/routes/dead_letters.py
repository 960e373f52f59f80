"""Work that was given up: listed, inspected, replayed."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.access.callers import CallerOfRequest, NeedsOperator
from gateway.dead_letters import letters
from gateway.dead_letters.views import DeadLetterPage, DeadLetterView, Replayed
from gateway.http.paging import Limit, page_size
from gateway.services import NeedsStore, ServicesOfApp

LetterCursor = Annotated[
    str | None,
    Query(
        max_length=100,
        description="`nextCursor` of the page before.",
        json_schema_extra={"pattern": f"^{letters.SEQUENCE.pattern}$"},
    ),
]

router = APIRouter(prefix="/api/admin/dead-letters", tags=["operations"], dependencies=[NeedsOperator, NeedsStore])


@router.get("", summary="List work that was given up, newest first", response_model=DeadLetterPage)
async def list_dead_letters(
    services: ServicesOfApp, caller: CallerOfRequest, cursor: LetterCursor = None, limit: Limit = None
) -> DeadLetterPage:
    client = letters.client_of(services.connection)
    return await letters.page(client, services.store_of(caller.owner), cursor, page_size(services.settings, limit))


@router.get("/{letter_id}", summary="Show what was given up, and why", response_model=DeadLetterView)
async def get_dead_letter(letter_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> DeadLetterView:
    client = letters.client_of(services.connection)
    letter = await letters.find_letter(client, services.store_of(caller.owner), letter_id)
    return letters.view(letter)


@router.post(
    "/{letter_id}/replay",
    status_code=202,
    summary="Put given-up work back on its queue, where it can still change something",
    response_model=Replayed,
)
async def replay_dead_letter(letter_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> Replayed:
    return await services.replays.replay(caller, letter_id)
