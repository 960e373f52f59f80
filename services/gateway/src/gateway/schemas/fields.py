"""The kinds of fields requests are made of. Types are strict: "5" is no 5, and true is no 1."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from shared.contracts.enums import Fallback, Side, Tier

NAME_LENGTH = 200
PROMPT_LENGTH = 32_000
GOAL_LENGTH = 4_000
PERSONA_LENGTH = 8_000
MESSAGE_LENGTH = 10_000
CRITERIA, PERSONAS, STOP_SEQUENCES, BATTLES = 20, 50, 4, 10
LARGEST_SEED = 2**53 - 1
LARGEST_BUDGET_USD = 1_000_000
DAY_SECONDS = 24 * 3600
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
NOT_BLANK: Final[JsonDict] = {"minLength": 1, "pattern": r"\S"}
"""What `_not_blank` asks, for machines."""


class Body(BaseModel):
    """A request's body: camelCase names only, unknown fields ignored, nothing converted."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, said: Any) -> Any:
        return with_whole_numbers(said)


def with_whole_numbers(said: Any) -> Any:
    """What was said, 4.0 as 4: JSON knows one kind of number, and some clients write whole ones so."""
    if not isinstance(said, dict):
        return said
    whole = {name: int(value) for name, value in said.items() if type(value) is float and value.is_integer()}
    return said | whole if whole else said


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be empty", {"bound": 1})
    return text


def _client_id(text: str) -> str:
    if not CLIENT_ID.fullmatch(text):
        raise PydanticCustomError(
            "client_id", "must be 1 to 64 letters, digits, - or _", {"bound": "[A-Za-z0-9_-]{1,64}"}
        )
    return text


Name = Annotated[str, Field(max_length=NAME_LENGTH, json_schema_extra=NOT_BLANK), AfterValidator(_not_blank)]
Prompt = Annotated[str, Field(max_length=PROMPT_LENGTH, json_schema_extra=NOT_BLANK), AfterValidator(_not_blank)]
Goal = Annotated[str, Field(max_length=GOAL_LENGTH, json_schema_extra=NOT_BLANK), AfterValidator(_not_blank)]
PersonaText = Annotated[str, Field(max_length=PERSONA_LENGTH, json_schema_extra=NOT_BLANK), AfterValidator(_not_blank)]
GivenText = Annotated[str, Field(max_length=MESSAGE_LENGTH, json_schema_extra=NOT_BLANK), AfterValidator(_not_blank)]
ClientId = Annotated[str, Field(json_schema_extra={"pattern": f"^{CLIENT_ID.pattern}$"}), AfterValidator(_client_id)]
Temperature = Annotated[float, Field(ge=0, le=2)]
MaxTokens = Annotated[int, Field(ge=1, le=1_000_000)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
BudgetUsd = Annotated[float, Field(gt=0, le=LARGEST_BUDGET_USD)]
TimeLimitSeconds = Annotated[float, Field(gt=0, le=DAY_SECONDS)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
# JSON has no enums: these two take their words, and no others.
TierWord = Annotated[Tier, Field(strict=False)]
SideWord = Annotated[Side, Field(strict=False)]
FallbackWord = Annotated[Fallback, Field(strict=False)]


def text_as(name: str, value: Any) -> Any:
    """A plain text in the place of an object is that object's field `name`."""
    return {name: value} if isinstance(value, str) else value
