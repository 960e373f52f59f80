"""POST /api/estimates: what a start would cost. Nothing is started."""

from fastapi import APIRouter

from gateway.access.callers import CallerOfRequest
from gateway.schemas.answers import EstimateView
from gateway.schemas.starts import BattleStart, EstimateStart
from gateway.services import NeedsStore, ServicesOfApp
from gateway.starts.planning import battles_of
from gateway.starts.start import load_agents

router = APIRouter(prefix="/api/estimates", tags=["scale tests"], dependencies=[NeedsStore])


@router.post("", summary="Estimate what a start would cost, by purpose", response_model=EstimateView)
async def estimate_start(body: EstimateStart, services: ServicesOfApp, caller: CallerOfRequest) -> EstimateView:
    if body.scale:
        agents = await load_agents(services.store, caller, [body])
        return services.planner.scale(body, agents, seed=0).estimate.view()
    start = BattleStart.model_validate(body.model_dump(by_alias=True, exclude_unset=True))
    agents = await load_agents(services.store, caller, [battle for _, battle in battles_of(start)])
    return services.planner.battle(start, agents, seed=0).estimate.view()
