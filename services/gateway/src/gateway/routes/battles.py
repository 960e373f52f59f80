"""POST /api/battles/start."""

from fastapi import APIRouter, Response

from gateway.access.callers import CallerOfRequest
from gateway.schemas.answers import Started
from gateway.schemas.starts import BattleStart
from gateway.services import NeedsStore, ServicesOfApp
from gateway.starts.idempotency import IdempotencyKey
from gateway.starts.service import started

router = APIRouter(prefix="/api/battles", tags=["battles"], dependencies=[NeedsStore])


@router.post(
    "/start",
    status_code=202,
    summary="Start a battle, or several independent ones as one run",
    response_model=Started,
    responses={200: {"model": Started, "description": "The same request was made before: its run."}},
)
async def start_battle(
    body: BattleStart, services: ServicesOfApp, caller: CallerOfRequest, key: IdempotencyKey, response: Response
) -> Started:
    return started(await services.starts.battle(caller, body, key), response)
