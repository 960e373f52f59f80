"""The base of every value that is sent or stored: frozen, camelCase on the wire, unknown fields ignored."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.contracts.timestamps import Timestamp

WORD_LENGTH: Final = 512
SENTENCE_LENGTH: Final = 2000
TEXT_LENGTH: Final = 8000

Word = Annotated[str, AfterValidator(lambda text: text[:WORD_LENGTH])]
"""A name or a code that somebody else gives us: cut, so that no message can outgrow the broker for it."""
Sentence = Annotated[str, AfterValidator(lambda text: text[:SENTENCE_LENGTH])]
"""A sentence for people, cut as `Word` is."""
ShownText = Annotated[str, AfterValidator(lambda text: text[:TEXT_LENGTH])]
"""A text of some lines that is shown beside something else, cut as `Word` is."""


def absent(value: object) -> bool:
    """Whether a field says nothing: one that was added later is left out then, so that what was sent before stays."""
    return not value


class Contract(BaseModel):
    """A frozen value. Python and MongoDB name fields in snake_case, the wire in camelCase.

    Unknown fields are ignored, so that an older service reads what a newer one wrote.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        ser_json_inf_nan="null",
        protected_namespaces=(),
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema, in which a field that is left out where it says nothing has no default: it may not be there."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            if field.exclude_if is not None:
                properties.get(field.alias or name, {}).pop("default", None)
        return schema

    def to_json(self) -> bytes:
        """The value as one readable JSON object in camelCase."""
        return self.model_dump_json(by_alias=True).encode()


class Message(Contract):
    """What stands on a subject: identity before payload.

    `type` names the message, `schema_version` grows only when a field changes its meaning,
    `run_id` says which run it belongs to and `at` when it was made.
    """

    type: str
    schema_version: int = 1
    run_id: str
    at: Timestamp

    @property
    def message_id(self) -> str | None:
        """The `Nats-Msg-Id` that makes a repetition of this message the same message; None for hints."""
        return None
