"""What can be started, on the wire (spec/api.md, "Battles" and "Scale tests"). Ceilings that settings move are
checked where a run is built (`starts.py`); the bounds here are fixed."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.schemas.agents import Criteria, Stop
from gateway.schemas.fields import (
    BATTLES,
    PERSONAS,
    Body,
    BudgetUsd,
    ClientId,
    GivenText,
    Goal,
    MaxTokens,
    Name,
    PersonaText,
    Prompt,
    Seed,
    SideWord,
    Temperature,
    TimeLimitSeconds,
    Version,
    text_as,
)
from gateway.storable import FreeObject


class PersonaBody(Body):
    """A simulated user: one of the library by `id`, or one in the caller's own words."""

    id: Name | None = None
    persona_id: Name | None = None
    name: Name | None = None
    prompt: PersonaText | None = None
    goal: Goal | None = None
    opening: GivenText | None = None
    style: Goal | None = None


def _persona_text(value: Any) -> Any:
    return text_as("prompt", value)


def _persona_item(value: Any) -> Any:
    """In a list, a word is the id of a persona of the library, and a sentence is a persona."""
    return text_as("prompt" if isinstance(value, str) and any(map(str.isspace, value)) else "id", value)


class OpponentBody(Body):
    """Who the agent talks to: another agent, a persona of the library, or a persona in the caller's words."""

    agent_id: Name | None = None
    agent_version: Version | None = None
    persona_id: Name | None = None
    persona: Annotated[PersonaBody | None, BeforeValidator(_persona_text)] = None
    goal: Goal | None = None
    provider: Name | None = None
    model: Name | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    script: list[GivenText] | None = None


class JudgeBody(Body):
    """Who judges; the fast tier of the agent's provider where no model is named."""

    enabled: bool = True
    provider: Name | None = None
    model: Name | None = None
    strong_model: Name | None = None
    confidence: Annotated[float, Field(ge=0.5, le=1)] | None = None


class BattleFields(Body):
    """What decides how one conversation is played."""

    agent_id: Name | None = None
    agent_version: Version | None = None
    provider: Name | None = None
    model: Name | None = None
    system_prompt: Prompt | None = None
    goal: Goal | None = None
    criteria: Criteria | None = None
    opponent: OpponentBody | None = None
    user_message: GivenText | None = None
    opens: SideWord | None = None
    message_limit: Annotated[int, Field(ge=1)] | None = None
    max_budget_usd: BudgetUsd | None = None
    time_limit_seconds: TimeLimitSeconds | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    stop: Stop | None = None
    judge: JudgeBody | None = None
    ab: FreeObject | None = None
    seed: Seed | None = None


class BattleStart(BattleFields):
    """One battle, or several independent ones: then what stands beside `battles` holds for each that says no other."""

    id: ClientId | None = None
    battles: Annotated[list[BattleFields], Field(min_length=1, max_length=BATTLES)] | None = None


class ScaleStart(BattleFields):
    """The same battle many times, over one or more personas in turn."""

    id: ClientId | None = None
    runs: Annotated[int, Field(ge=1)] | None = None
    run_count: Annotated[int, Field(ge=1)] | None = None
    personas: (
        Annotated[
            list[Annotated[PersonaBody, BeforeValidator(_persona_item)]], Field(min_length=1, max_length=PERSONAS)
        ]
        | None
    ) = None
    concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class RetryStart(Body):
    """A retry has its parent's settings; only what it is called and may spend can be said."""

    id: ClientId | None = None
    max_budget_usd: BudgetUsd | None = None


class EstimateStart(ScaleStart):
    """Any start body; `kind` says which where the fields leave it open."""

    kind: Literal["battle", "scale"] | None = None
    battles: Annotated[list[BattleFields], Field(min_length=1, max_length=BATTLES)] | None = None

    @property
    def scale(self) -> bool:
        """Whether a scale test is meant."""
        if self.kind is not None:
            return self.kind == "scale"
        return not self.battles and (self.runs or self.run_count or self.personas) is not None
