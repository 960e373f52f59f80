"""How a request says that its answer is JSON."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.openai_wire.wire import Wire
from gateway.schemas.conditions import sent, sent_as
from gateway.schemas.storable import flaw_within
from shared.contracts.settings import AnswerFormat

SCHEMA_BYTES: Final = 64 * 1024


def _checked(schema: dict[str, Any]) -> dict[str, Any]:
    found = flaw_within(schema, SCHEMA_BYTES)
    if found is not None:
        raise PydanticCustomError("unstorable", "{sentence}", found._asdict())
    return schema


class WireJsonSchema(Wire):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    body: Annotated[dict[str, Any], AfterValidator(_checked)] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class WireResponseFormat(Wire):
    """Text, any JSON object, or JSON that fits a schema."""

    model_config = ConfigDict(json_schema_extra={"if": sent_as("type", "json_schema"), "then": sent("json_schema")})

    type: Literal["text", "json_object", "json_schema"]
    json_schema: WireJsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise PydanticCustomError("required", "must hold json_schema with a name", {"bound": None})
        return self

    @property
    def wanted(self) -> AnswerFormat | None:
        """The format of the answer; None for text."""
        if self.type == "text":
            return None
        if self.type == "json_object" or self.json_schema is None:
            return AnswerFormat()
        described = self.json_schema
        return AnswerFormat(json_schema=described.body, name=described.name, strict=described.strict)
