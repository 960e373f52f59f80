"""No field of a request takes a text of any length or any characters, or JSON of any kind, unlooked at."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from gateway.schemas import posted_messages
from unit.gateway.schemas.request_schemas import request_schemas

LOOKED_AT_WHERE_THEY_ARE_KEPT = {
    *(f"{body}.{name}" for body in ("ChatBody", "EventsChatBody") for name in ("messages", "message")),
    "QuestionBody.messages",
}
"""What a history holds of free JSON is looked at as far as it is new (gateway/chat/bounds.py)."""

NOT_LOOKED_INTO = {
    "metadata",
    "serialization",
    "config",
    "function",
    "keys_schema",
    "default",
    "json_schema_input_schema",
}


def unbounded(schema: Any, *, checked: bool = False) -> Iterator[str]:
    """The kinds of what is taken as it comes, inside of one field's core schema."""
    if isinstance(schema, list | tuple):
        for one in schema:
            yield from unbounded(one, checked=checked)
    if not isinstance(schema, Mapping):
        return
    kind = schema.get("type")
    if kind in ("function-after", "function-plain", "function-wrap"):
        # A function of our own has the last word.
        checked = True
    if kind == "any" and not checked:
        yield "any"
    if kind == "str" and not checked and not schema.keys() & {"max_length", "pattern"}:
        yield "str"
    for name, one in schema.items():
        if name not in NOT_LOOKED_INTO:
            yield from unbounded(one, checked=checked and kind != "model-field")


def fields_of(schema: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """The fields of a schema, and what stands beside it because it is used in several places.

    The classes of `posted_messages` validate nothing: they are what the OpenAPI document says of a history.
    """
    core: Any = schema.__pydantic_core_schema__
    if core["type"] == "definitions":
        for one in core["definitions"]:
            if posted_messages.__name__ not in one["ref"]:
                yield f"{schema.__name__}.{one['ref']}", one
        core = core["schema"]
    while core["type"] not in ("model-fields", "definition-ref"):
        core = core["schema"]
    for name, field in core.get("fields", {}).items():
        yield f"{schema.__name__}.{name}", field["schema"]


SCHEMAS = sorted(request_schemas(), key=lambda schema: schema.__name__)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_every_field_is_looked_at(schema: type[BaseModel]) -> None:
    found = {name: list(unbounded(field)) for name, field in fields_of(schema)}
    assert {name for name, kinds in found.items() if kinds} <= LOOKED_AT_WHERE_THEY_ARE_KEPT


def test_a_field_that_is_not_would_be_found() -> None:
    class Careless(BaseModel):
        text: str | None = None
        free: dict[str, Any] = {}
        fine: Annotated[str, Field(max_length=5)] = ""

    assert {name: list(unbounded(field)) for name, field in fields_of(Careless)} == {
        "Careless.text": ["str"],
        "Careless.free": ["any"],
        "Careless.fine": [],
    }
