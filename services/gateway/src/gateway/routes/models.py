"""GET /api/models: what can be asked for."""

from fastapi import APIRouter

from gateway.schemas.answers import ModelLimits, ModelList, ModelView
from gateway.services import ServicesOfApp

router = APIRouter(prefix="/api/models", tags=["models"])


@router.get("", summary="List the models of the registry, with prices and limits", response_model=ModelList)
async def list_models(services: ServicesOfApp) -> ModelList:
    standing = await services.health.model_standings()
    return ModelList(
        items=[
            ModelView(
                name=name,
                provider=provider_name,
                limits=ModelLimits(concurrency=provider.concurrency, live_concurrency=provider.live_concurrency),
                **standing(provider_name, name)._asdict(),
                **model.model_dump(),
            )
            for provider_name, provider in services.registry.providers.items()
            for name, model in provider.models.items()
        ]
    )
