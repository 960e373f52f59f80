"""Whether the process lives, whether it can work, and how everything else is."""

from fastapi import APIRouter

from gateway.errors import NotReady
from gateway.schemas.answers import AiHealthView, Alive, HealthView
from gateway.services import ServicesOfApp

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Say that the process lives", response_model=Alive)
async def healthz() -> Alive:
    return Alive(status="ok")


@router.get(
    "/readyz",
    summary="Say whether broker, store, streams and indexes are there",
    response_model=Alive,
)
async def readyz(services: ServicesOfApp) -> Alive:
    missing = await services.readiness()
    if missing:
        raise NotReady(missing)
    return Alive(status="ready")


@router.get("/api/health", summary="Show how broker, store and every service are", response_model=HealthView)
async def get_health(services: ServicesOfApp) -> HealthView:
    return await services.health.everything()


@router.get("/api/health/ai", summary="Show whether models answer, by provider", response_model=AiHealthView)
async def get_model_health(services: ServicesOfApp) -> AiHealthView:
    return await services.health.models()
