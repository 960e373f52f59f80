"""What can be started, on the wire (docs/api.md, "Battles" and "Scale tests"). Ceilings that settings move are
checked where a run is built (`starts/planning.py`); the bounds here are fixed."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from gateway.schemas.agents import Criteria, Stop
from gateway.schemas.conditions import if_sent, not_both, sent, sent_as
from gateway.schemas.fields import (
    BATTLES,
    PERSONAS,
    Body,
    BudgetUsd,
    ClientId,
    FallbackWord,
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
from gateway.schemas.personas import BY_ID
from gateway.schemas.storable import FreeObject

_OF_THE_LIBRARY: Final = tuple(BY_ID)


class PersonaBody(Body):
    """A simulated user: one of the library by `id`, or one in the caller's own words."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": sent("prompt"),
            "else": {
                "if": sent("personaId"),
                "then": sent_as("personaId", *_OF_THE_LIBRARY),
                "else": sent_as("id", *_OF_THE_LIBRARY),
            },
        }
    )

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


PersonaWord = Annotated[str, Field(json_schema_extra={"enum": [*_OF_THE_LIBRARY]})]
PersonaSentence = Annotated[PersonaText, Field(json_schema_extra={"pattern": r"\S\s|\s\S"})]
Persona = Annotated[
    PersonaBody | None, BeforeValidator(_persona_text, json_schema_input_type=PersonaBody | PersonaText | None)
]
PersonaItem = Annotated[
    PersonaBody, BeforeValidator(_persona_item, json_schema_input_type=PersonaBody | PersonaWord | PersonaSentence)
]
NOT_OFFERED_YET: Final[JsonDict] = {"type": "null", "description": "Not offered here yet."}


class OpponentBody(Body):
    """Who the agent talks to: another agent, a persona of the library, or a persona in the caller's words."""

    agent_id: Name | None = None
    agent_version: Version | None = None
    persona_id: Name | None = None
    persona: Persona = None
    goal: Goal | None = None
    provider: Name | None = None
    model: Name | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    script: Annotated[list[GivenText] | None, WithJsonSchema(NOT_OFFERED_YET)] = None


class JudgeBody(Body):
    """Who judges; the fast tier of the agent's provider where no model is named."""

    enabled: bool = True
    provider: Name | None = None
    model: Name | None = None
    strong_model: Name | None = None
    confidence: Annotated[float, Field(ge=0.5, le=1)] | None = None


_AGENT_OPENS: Final = sent_as("opens", "agent")
"""Then the opponent has no first message."""
_BATTLES_NAME_AGENTS: Final[JsonDict] = {
    "if": sent("battles"),
    "then": {"properties": {"battles": {"items": sent("agentId")}}},
    "else": sent("agentId"),
}


class BattleFields(Body):
    """What decides how one conversation is played."""

    model_config = ConfigDict(json_schema_extra=not_both(sent("userMessage"), _AGENT_OPENS))

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
    fallback: FallbackWord | None = None
    ab: Annotated[FreeObject | None, WithJsonSchema(NOT_OFFERED_YET)] = None
    seed: Seed | None = None


class BattleStart(BattleFields):
    """One battle, or several independent ones: then what stands beside `battles` holds for each that says no other."""

    model_config = ConfigDict(
        json_schema_extra=not_both(sent("userMessage"), _AGENT_OPENS)
        | {"if": sent("agentId"), "else": _BATTLES_NAME_AGENTS}
    )

    id: ClientId | None = None
    battles: Annotated[list[BattleFields], Field(min_length=1, max_length=BATTLES)] | None = None


_OF_AN_AGENT: Final[JsonDict] = {
    "required": ["opponent"],
    "properties": {"opponent": {"type": "object", **sent("agentId")}},
}
_ONE_OF_EACH: Final = if_sent(
    {
        "runCount": not_both(sent("runs"), sent("runCount")),
        "personas": not_both(sent("personas"), _OF_AN_AGENT),
    }
)


class ScaleStart(BattleFields):
    """The same battle many times, over one or more personas in turn."""

    model_config = ConfigDict(
        json_schema_extra=not_both(sent("userMessage"), _AGENT_OPENS)
        | {"if": sent("agentId"), "else": False}
        | _ONE_OF_EACH
    )

    id: ClientId | None = None
    runs: Annotated[int, Field(ge=1)] | None = None
    run_count: Annotated[int, Field(ge=1)] | None = None
    personas: Annotated[list[PersonaItem], Field(min_length=1, max_length=PERSONAS)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class RetryStart(Body):
    """A retry has its parent's settings; only what it is called and may spend can be said."""

    id: ClientId | None = None
    max_budget_usd: BudgetUsd | None = None


_NAMES_AGENTS: Final[JsonDict] = {"if": sent_as("kind", "scale"), "then": False, "else": _BATTLES_NAME_AGENTS}


class EstimateStart(ScaleStart):
    """Any start body; `kind` says which where the fields leave it open."""

    model_config = ConfigDict(
        json_schema_extra=not_both(sent("userMessage"), _AGENT_OPENS)
        | {"if": sent("agentId"), "else": _NAMES_AGENTS}
        | _ONE_OF_EACH
    )

    kind: Literal["battle", "scale"] | None = None
    battles: Annotated[list[BattleFields], Field(min_length=1, max_length=BATTLES)] | None = None

    @property
    def scale(self) -> bool:
        """Whether a scale test is meant."""
        if self.kind is not None:
            return self.kind == "scale"
        return not self.battles and (self.runs or self.run_count or self.personas) is not None
