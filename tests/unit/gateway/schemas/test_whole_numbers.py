"""JSON knows one kind of number: 4.0 is the whole number 4, and no other text or word is one."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from gateway.openai_wire.requests import CompletionBody
from gateway.schemas.chat import ChatBody
from gateway.schemas.starts import ScaleStart

WIRE = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
BODIES: list[tuple[type[BaseModel], dict[str, Any], str, str]] = [
    (ChatBody, {"message": "x"}, "maxTokens", "max_tokens"),
    (CompletionBody, WIRE, "max_tokens", "max_tokens"),
    (ScaleStart, {"agentId": "a"}, "runs", "runs"),
]


@pytest.mark.parametrize(("body", "said", "field", "name"), BODIES)
def test_a_whole_number_is_one_however_it_is_written(
    body: type[BaseModel], said: dict[str, Any], field: str, name: str
) -> None:
    for written in (4, 4.0):
        read = getattr(body.model_validate(said | {field: written}), name)
        assert (read, type(read)) == (4, int)


@pytest.mark.parametrize("wrong", [4.5, "4", True, float("inf"), float("nan")])
@pytest.mark.parametrize(("body", "said", "field", "name"), BODIES)
def test_nothing_else_is_a_whole_number(
    body: type[BaseModel], said: dict[str, Any], field: str, name: str, wrong: object
) -> None:
    with pytest.raises(ValidationError):
        body.model_validate(said | {field: wrong})
