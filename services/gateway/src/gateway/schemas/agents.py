"""Agents on the wire."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.config import JsonDict

from gateway.schemas.fields import (
    CRITERIA,
    STOP_SEQUENCES,
    Body,
    Goal,
    MaxTokens,
    Name,
    Prompt,
    Temperature,
    TierWord,
    text_as,
)
from gateway.schemas.storable import FreeObject
from shared.contracts.agents import Agent
from shared.contracts.enums import Tier
from shared.contracts.model import Contract
from shared.contracts.origin import Origin
from shared.contracts.settings import Criterion
from shared.contracts.timestamps import Timestamp

TOOLS = 20
NO_ENDPOINTS: Final[JsonDict] = {"type": "null", "description": "No endpoint is configured here."}


class CriterionBody(Body):
    """One line of the checklist; a plain text is a required one. Ids are given here where none is sent."""

    id: Name | None = None
    text: Goal
    required: bool = True


CriterionItem = Annotated[
    CriterionBody,
    BeforeValidator(lambda value: text_as("text", value), json_schema_input_type=CriterionBody | Goal),
]
Criteria = Annotated[list[CriterionItem], Field(max_length=CRITERIA)]
Stop = Annotated[list[Name], Field(max_length=STOP_SEQUENCES)]
Tool = FreeObject


class AgentBody(Body):
    """What an agent is made of; PUT replaces all of it."""

    name: Name
    description: Goal | None = None
    system_prompt: Prompt
    provider: Name | None = None
    model: Name | None = None
    tier: TierWord | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    stop: Stop = Field(default_factory=list)
    endpoint: Annotated[Name | None, WithJsonSchema(NO_ENDPOINTS)] = None
    criteria: Criteria = Field(default_factory=list)
    tools: list[Tool] = Field(default_factory=list, max_length=TOOLS)


class AgentView(Contract):
    """An agent in one version."""

    id: str
    version: int
    name: str
    description: str | None
    system_prompt: str
    provider: str | None
    model: str | None
    tier: Tier | None
    temperature: float | None
    max_tokens: int | None
    stop: tuple[str, ...]
    endpoint: str | None
    criteria: tuple[Criterion, ...]
    tools: tuple[dict[str, object], ...]
    written_from: Origin | None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, agent: Agent) -> "AgentView":
        return cls.model_validate(agent.model_dump())


def criteria_of(bodies: list[CriterionBody]) -> tuple[Criterion, ...]:
    """The checklist with its ids: `c1`, `c2` ... by position where none was sent. Raises ValueError for a double id."""
    criteria = tuple(
        Criterion(id=body.id or f"c{position}", text=body.text, required=body.required)
        for position, body in enumerate(bodies, start=1)
    )
    ids = [criterion.id for criterion in criteria]
    double = next((one for one in ids if ids.count(one) > 1), None)
    if double is not None:
        raise ValueError(f"the id {double} stands twice")
    return criteria
