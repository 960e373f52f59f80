"""POST /api/estimates: what a start would cost. Nothing is started."""

from fastapi import APIRouter

from gateway.access.callers import CallerOfRequest
from gateway.schemas.answers import EstimateView
from gateway.schemas.starts import EstimateStart
from gateway.services import NeedsStore, ServicesOfApp

router = APIRouter(prefix="/api/estimates", tags=["scale tests"], dependencies=[NeedsStore])


@router.post("", summary="Estimate what a start would cost, by purpose", response_model=EstimateView)
async def estimate_start(body: EstimateStart, services: ServicesOfApp, caller: CallerOfRequest) -> EstimateView:
    return (await services.starts.estimate(caller, body)).view()
