"""GET /api/personas: the library of simulated users."""

from fastapi import APIRouter

from gateway.schemas.personas import LIBRARY, PersonaList

router = APIRouter(prefix="/api/personas", tags=["personas"])


@router.get("", summary="List the library of personas", response_model=PersonaList)
async def list_personas() -> PersonaList:
    return PersonaList(items=list(LIBRARY))
