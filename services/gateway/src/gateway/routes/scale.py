"""POST /api/scale/start."""

from fastapi import APIRouter, Response

from gateway.access import CallerOfRequest
from gateway.parts import PartsOfApp
from gateway.schemas.answers import Started
from gateway.schemas.starts import ScaleStart
from gateway.starting import Asked, IdempotencyKey, start
from gateway.store_watch import NeedsStore
from shared.contracts.words import RunKind

router = APIRouter(prefix="/api/scale", tags=["scale tests"], dependencies=[NeedsStore])


@router.post(
    "/start",
    status_code=202,
    summary="Start a scale test: the same battle many times, over one or more personas",
    response_model=Started,
    responses={200: {"model": Started, "description": "The same request was made before: its run."}},
)
async def start_scale_test(
    body: ScaleStart, parts: PartsOfApp, caller: CallerOfRequest, key: IdempotencyKey, response: Response
) -> Started:
    asked = Asked(RunKind.SCALE, body, [body], lambda agents, seed: parts.planner.scale(body, agents, seed), key)
    return await start(parts, caller, asked, response)
