"""What fields ask of each other, as JSON Schema says it; null stands for a field that was left out.

With `if`, `then` and `else`, never with `oneOf`: generators of clients take the latter for a choice of types, and
lose the fields.
"""

from collections.abc import Mapping

from pydantic.config import JsonDict, JsonValue


def sent(*names: str) -> JsonDict:
    """All of the fields are there."""
    return {"required": list[JsonValue](names), "properties": {name: {"not": {"type": "null"}} for name in names}}


def sent_as(name: str, *words: str) -> JsonDict:
    """The field is there, and is one of the words."""
    return {"required": [name], "properties": {name: {"enum": list[JsonValue](words)}}}


def exactly_one(first: str, second: str) -> JsonDict:
    """One of the two is there, and the other is not."""
    return {"if": sent(first), "then": {"not": sent(second)}, "else": sent(second)}


def not_both(first: JsonDict, second: JsonDict) -> JsonDict:
    """Only one of the two may hold."""
    return {"not": {"allOf": [first, second]}}


def if_sent(rules: Mapping[str, JsonDict]) -> JsonDict:
    """What is asked of a body that has the field a rule is named after."""
    return {"dependentSchemas": dict[str, JsonValue](rules)}
