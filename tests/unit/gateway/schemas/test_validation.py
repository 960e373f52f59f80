"""What is wrong with a request is said of its fields, in words that are no validator's."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from gateway.http.validation import KINDS, SENTENCES, problems
from gateway.openai_wire.requests import CompletionBody
from gateway.schemas.agents import AgentBody
from gateway.schemas.chat import ChatBody
from gateway.schemas.starts import BattleStart, ScaleStart
from gateway.single_answers.requests import QuestionBody
from unit.gateway.schemas.request_schemas import request_schemas

USER = {"role": "user", "content": "Hello"}
WIRE: dict[str, Any] = {"model": "fast", "messages": [USER]}
AGENT: dict[str, Any] = {"name": "n", "systemPrompt": "p"}
NEVER_SAID = ("Input should", "List should", "String should", "valid ", "validation", "constrained", "Field required")
BOOLEAN, EITHER = "must be true or false", "must be a text, or a list"
EMPTY = {"criteria.0.text": "must not be empty"}

CASES: list[tuple[type[BaseModel], dict[str, Any], dict[str, str]]] = [
    (AgentBody, {}, {"name": "is required", "systemPrompt": "is required"}),
    (AgentBody, AGENT | {"name": 5}, {"name": "must be a text"}),
    (AgentBody, AGENT | {"name": "\ud800"}, {"name": "holds half of a surrogate pair, which is no character"}),
    (AgentBody, AGENT | {"name": "x" * 201}, {"name": "must have at most 200 characters"}),
    (AgentBody, AGENT | {"name": " "}, {"name": "must not be empty"}),
    (AgentBody, AGENT | {"temperature": 3}, {"temperature": "must be at most 2"}),
    (AgentBody, AGENT | {"temperature": "1"}, {"temperature": "must be a number"}),
    (AgentBody, AGENT | {"temperature": float("nan")}, {"temperature": "must be a number, not NaN or Infinity"}),
    (AgentBody, AGENT | {"maxTokens": 1.5}, {"maxTokens": "must be a whole number"}),
    (AgentBody, AGENT | {"maxTokens": True}, {"maxTokens": "must be a whole number"}),
    (AgentBody, AGENT | {"maxTokens": 0}, {"maxTokens": "must be at least 1"}),
    (AgentBody, AGENT | {"tier": "best"}, {"tier": "must be 'fast', 'standard' or 'premium'"}),
    (AgentBody, AGENT | {"tier": []}, {"tier": "must be 'fast', 'standard' or 'premium'"}),
    (AgentBody, AGENT | {"stop": "x"}, {"stop": "must be a list"}),
    (AgentBody, AGENT | {"stop": ["x"] * 5}, {"stop": "must hold at most 4 items"}),
    (AgentBody, AGENT | {"stop": ["x", None]}, {"stop.1": "must be a text"}),
    (AgentBody, AGENT | {"criteria": [5]}, {"criteria.0": "must be an object"}),
    (
        AgentBody,
        AGENT | {"criteria": [{"text": "x", "required": "yes"}]},
        {"criteria.0.required": "must be true or false"},
    ),
    (AgentBody, AGENT | {"tools": [[]]}, {"tools.0": "must be an object"}),
    (BattleStart, {"maxBudgetUsd": 0}, {"maxBudgetUsd": "must be more than 0"}),
    (BattleStart, {"battles": []}, {"battles": "must hold at least 1 item"}),
    (BattleStart, {"battles": [{"agentId": 1}]}, {"battles.0.agentId": "must be a text"}),
    (ScaleStart, {"personas": [{"prompt": 1}]}, {"personas.0.prompt": "must be a text"}),
    (ScaleStart, {"id": "a b"}, {"id": "must be 1 to 64 letters, digits, - or _"}),
    (ChatBody, {"message": 5}, {"message": "must be a text, or an object"}),
    (ChatBody, {"message": []}, {"message": "must be a text, or an object"}),
    (ChatBody, {"format": "xml"}, {"format": "must be 'ui', 'data', 'text', 'sse' or 'json'"}),
    (QuestionBody, {"messages": [1]}, {"messages.0": "must be an object"}),
    (CompletionBody, WIRE | {"stop": {}}, {"stop": "must be a text, or a list"}),
    (CompletionBody, WIRE | {"stop": ["x" * 201]}, {"stop.0": "must have at most 200 characters"}),
    (CompletionBody, WIRE | {"stop": [1, 2]}, {"stop.0": "must be a text", "stop.1": "must be a text"}),
    (CompletionBody, WIRE | {"max_tokens": "5"}, {"max_tokens": "must be a whole number"}),
    (CompletionBody, WIRE | {"max_tokens": -2}, {"max_tokens": "must be at least 1"}),
    (CompletionBody, WIRE | {"messages": [USER] * 601}, {"messages": "must hold at most 500 items"}),
    (CompletionBody, WIRE | {"messages": [USER | {"content": [1]}]}, {"messages.0.content.0": "must be an object"}),
    (
        CompletionBody,
        WIRE | {"messages": [USER | {"content": {}}]},
        {"messages.0.content": "must be a text, or a list"},
    ),
    (
        CompletionBody,
        WIRE | {"messages": [{"role": "user", "content": [{}]}]},
        {"messages.0.content.0.type": "is required"},
    ),
]


@pytest.mark.parametrize(("schema", "body", "said"), CASES)
def test_fields_are_spoken_of(schema: type[BaseModel], body: dict[str, Any], said: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        schema.model_validate(body)
    # As FastAPI raises it.
    errors = [one | {"loc": ("body", *one["loc"])} for one in refused.value.errors()]
    found = problems(RequestValidationError(errors, body=body).errors(), body)
    assert {one.field: one.message for one in found} == said
    assert len(found) == len(said)
    assert not any(word in one.message for one in found for word in NEVER_SAID)


def test_text_that_is_no_json_is_the_bodys_fault() -> None:
    error = {
        "type": "json_invalid",
        "loc": ("body", 12),
        "msg": "JSON decode error",
        "ctx": {"error": "Expecting value"},
    }
    (found,) = problems([error], "{")
    assert (found.field, found.message) == ("body", "is not valid JSON (Expecting value)")


@pytest.mark.parametrize("schema", [AgentBody, BattleStart, CompletionBody])
@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_body_that_is_no_object(schema: type[BaseModel], body: object) -> None:
    with pytest.raises(ValidationError) as refused:
        schema.model_validate(body)
    errors = [one | {"loc": ("body", *one["loc"])} for one in refused.value.errors()]
    (found,) = problems(errors, body)
    assert (found.field, found.message) == ("body", "must be an object")


RAISED_BY = {
    "str": ("string_type", "string_unicode", "string_too_short", "string_too_long", "string_pattern_mismatch"),
    "int": ("int_type", "int_from_float", "int_parsing", "int_parsing_size", "greater_than_equal", "less_than_equal"),
    "float": ("float_type", "float_parsing", "finite_number", "greater_than", "less_than"),
    "bool": ("bool_type", "bool_parsing"),
    "list": ("list_type", "too_short", "too_long"),
    "dict": ("dict_type", "string_type"),
    "model": ("model_type", "model_attributes_type"),
    "model-fields": ("missing",),
    "literal": ("literal_error",),
    "enum": ("enum",),
}
QUIET = {
    *("any", "nullable", "default", "union", "definitions", "definition-ref", "model-field"),
    *("function-after", "function-before", "function-plain"),
}
"""Kinds of schemas that raise nothing of their own; functions raise our own words."""


def kinds_in(schema: object) -> Iterator[str]:
    """The kinds of every schema inside of a core schema."""
    if isinstance(schema, dict):
        if isinstance(kind := schema.get("type"), str) and kind not in ("no-info", "with-info"):
            yield kind
        for name, one in schema.items():
            if name not in ("metadata", "serialization", "config", "function", "expected", "members"):
                yield from kinds_in(one)
    elif isinstance(schema, list | tuple):
        for one in schema:
            yield from kinds_in(one)


def test_every_error_that_a_schema_can_raise_has_words() -> None:
    used = {kind for one in request_schemas() for kind in kinds_in(one.__pydantic_core_schema__)}
    assert used - QUIET <= RAISED_BY.keys()
    assert len(used) > 8
    raised = {error for kind in used - QUIET for error in RAISED_BY[kind]}
    assert raised <= KINDS.keys() | SENTENCES.keys()
