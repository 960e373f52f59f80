"""POST /api/scale/start and /api/scale/{id}/retry-failed."""

from fastapi import APIRouter, Response

from gateway.access.callers import CallerOfRequest
from gateway.schemas.answers import Started
from gateway.schemas.starts import RetryStart, ScaleStart
from gateway.services import NeedsStore, ServicesOfApp
from gateway.starts.idempotency import IdempotencyKey
from gateway.starts.service import started

router = APIRouter(prefix="/api/scale", tags=["scale tests"], dependencies=[NeedsStore])


@router.post(
    "/start",
    status_code=202,
    summary="Start a scale test: the same battle many times, over one or more personas",
    response_model=Started,
    responses={200: {"model": Started, "description": "The same request was made before: its run."}},
)
async def start_scale_test(
    body: ScaleStart, services: ServicesOfApp, caller: CallerOfRequest, key: IdempotencyKey, response: Response
) -> Started:
    return started(await services.starts.scale(caller, body, key), response)


@router.post(
    "/{run_id}/retry-failed",
    status_code=202,
    summary="Play again what ended by an error, as a new run with this one as its parent",
    response_model=Started,
    responses={200: {"model": Started, "description": "The same request was made before: its run."}},
)
async def retry_failed_conversations(
    run_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    key: IdempotencyKey,
    response: Response,
    body: RetryStart | None = None,
) -> Started:
    return started(await services.starts.retry(caller, run_id, body or RetryStart(), key), response)
