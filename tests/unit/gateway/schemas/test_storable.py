"""What of free JSON is refused before anything is accepted, and what a model wrote is shown all the same."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.answers.formats import compact, input_of
from gateway.errors import InvalidRequest
from gateway.promptbro.saved_texts import read_criteria
from gateway.runs.messages import read_since
from gateway.schemas.agents import Tool
from gateway.schemas.starts import BattleStart
from gateway.schemas.storable import NESTING, flaw, flaw_within, storable


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("\ud800", "surrogate"),
        ({"a": ["\udfff"]}, "surrogate"),
        ({"\ud800": 1}, "name"),
        ({"a\0": 1}, "name"),
        ({"$ref": "a", "$id": 1}, "$ref"),
        (2**63, "64 bits"),
        (-(2**70), "64 bits"),
        (float("nan"), "NaN"),
        ([float("-inf")], "NaN"),
        (nested(NESTING + 1), "deeper"),
        (nested(5_000), "deeper"),
    ],
)
def test_what_cannot_be_stored_says_why(value: object, why: str) -> None:
    found = flaw(value)
    assert found is not None
    assert why in found.sentence


@pytest.mark.parametrize("value", [nested(NESTING), {"$ref": "#/a"}, {"": None}, "\0", 2**63 - 1, 1e300, "\U0001f600"])
def test_what_can_be_stored(value: object) -> None:
    assert storable(value)


@pytest.mark.parametrize("value", [nested(178), nested(990), {"a": "\ud800"}, {"\ud800": 1}, {"a": float("nan")}])
def test_free_fields_of_schemas_refuse_it(value: dict[str, Any]) -> None:
    for tried in (lambda: TypeAdapter(Tool).validate_python(value), lambda: BattleStart.model_validate({"ab": value})):
        with pytest.raises(ValidationError) as refused:
            tried()
        assert refused.value.errors()[0]["type"] == "unstorable"


def test_tools_are_bounded_in_bytes_of_what_is_stored() -> None:
    tools: TypeAdapter[Any] = TypeAdapter(Tool)
    tools.validate_python({"text": "\U0001f600" * 3_900})
    for tool in ({"text": "\U0001f600" * 4_000}, {"numbers": [1e15] * 900}):
        with pytest.raises(ValidationError, match="at most 16000 bytes"):
            tools.validate_python(tool)


@pytest.mark.parametrize("text", ["[" * 256 + "]" * 256, "[" * 5_000, '"\\ud800"', '{"a": NaN}', "1e999", "{"])
def test_tool_texts_that_are_no_showable_json_are_quoted(text: str) -> None:
    assert input_of({"input": text}) == text
    assert json.loads(compact({"input": input_of({"input": text})})) == {"input": text}


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z"])
def test_times_beyond_the_calendar_are_refused(since: str) -> None:
    with pytest.raises(InvalidRequest):
        read_since(since)


def test_a_checklist_that_nests_without_an_end_is_a_text() -> None:
    assert read_criteria("[" * 30_000) is None


@pytest.mark.parametrize("last", [1, "\ud800", nested(300)])
def test_what_is_too_large_is_not_looked_into(last: object) -> None:
    """A walk through a body of small values would stop every other request."""
    found = flaw_within({"a": [*[[]] * 100_000, last]}, 16_000)
    assert found == ("must have at most 16000 bytes as JSON", 16_000)


def test_what_is_small_is() -> None:
    assert flaw_within({"a": ["\ud800"]}, 16_000) == flaw("\ud800")
    assert flaw_within(nested(5_000), 16_000) == flaw(nested(NESTING + 1))
    assert flaw_within({"a": [1e15] * 800}, 16_000) is None
