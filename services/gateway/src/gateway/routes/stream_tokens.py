"""POST /api/stream-tokens: what an EventSource puts into its URL in the place of headers (docs/api.md, "Access")."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from gateway.access.callers import Caller, CallerOfRequest
from gateway.access.token_grants import token_for
from gateway.errors import FieldProblem, InvalidRequest, NotFound
from gateway.runs.lookups import find_run
from gateway.schemas.conditions import exactly_one
from gateway.schemas.fields import Body, Name
from gateway.services import NeedsStore, Services, ServicesOfApp
from shared.contracts.model import Contract
from shared.contracts.runs import Run
from shared.contracts.timestamps import Timestamp

RUNS: Final = 100

router = APIRouter(prefix="/api/stream-tokens", tags=["access"], dependencies=[NeedsStore])


class StreamTokenBody(Body):
    """The streams a token is for: of runs (chats too), or of one answer."""

    model_config = ConfigDict(json_schema_extra=exactly_one("runIds", "sid"))

    run_ids: Annotated[list[Name], Field(min_length=1, max_length=RUNS)] | None = None
    sid: Name | None = None


class StreamTokenView(Contract):
    """Put it into the URL as `token`."""

    token: str
    expires_at: Timestamp


@router.post("", status_code=201, summary="Make a token for the URLs of streams", response_model=StreamTokenView)
async def create_stream_token(
    body: StreamTokenBody, services: ServicesOfApp, caller: CallerOfRequest
) -> StreamTokenView:
    secret = services.settings.stream_token_secret
    token, expires_at = await token_for(services.store_of(caller.owner), secret, await _runs(services, caller, body))
    return StreamTokenView(token=token, expires_at=expires_at)


async def _runs(services: Services, caller: Caller, body: StreamTokenBody) -> list[Run]:
    """The runs that are named. Raises InvalidRequest, and NotFound for any that is not the caller's."""
    if (body.run_ids is None) == (body.sid is None):
        raise InvalidRequest(FieldProblem("runIds", "is required, or sid in its place: send one of them"))
    if body.sid is None:
        store = services.store_of(caller.owner)
        return [await find_run(store, run_id) for run_id in dict.fromkeys(body.run_ids or ())]
    found = await services.questions.find(caller, body.sid)
    if found is None:
        raise NotFound("answer", body.sid)
    return [found.run]
