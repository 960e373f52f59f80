"""POST /api/battles/start."""

from fastapi import APIRouter, Response

from gateway.access.callers import CallerOfRequest
from gateway.schemas.answers import Started
from gateway.schemas.starts import BattleStart
from gateway.services import NeedsStore, ServicesOfApp
from gateway.starts.planning import battles_of
from gateway.starts.start import Asked, IdempotencyKey, start
from shared.contracts.words import RunKind

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
    fields = [battle for _, battle in battles_of(body)]
    asked = Asked(RunKind.BATTLE, body, fields, lambda agents, seed: services.planner.battle(body, agents, seed), key)
    return await start(services, caller, asked, response)
