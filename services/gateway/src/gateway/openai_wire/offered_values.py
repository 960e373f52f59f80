"""Which values of OpenAI's fields are offered: any other would change the answer, and cannot be passed on yet."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

JSON_TYPES: Final[dict[type, str]] = {str: "string", bool: "boolean", int: "integer"}


@dataclass(frozen=True, slots=True)
class OnlyValue:
    """Marks a field that takes null and the values `taken`, defaults of OpenAI's; `sentence` says what to do instead.

    A value that asks for nothing else than what happens anyway is taken, so that clients may send every field.
    """

    sentence: str
    taken: tuple[object, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [*map(_only, self.taken), {"type": "null"}]}

    def _check(self, value: object) -> object:
        if value is None or any(type(value) is type(one) and value == one for one in self.taken):
            return value
        taken = list(self.taken) or None
        raise PydanticCustomError("not_offered", "{sentence}", {"sentence": self.sentence, "bound": taken})


def _only(value: object) -> dict[str, Any]:
    """The schema that this one value fits: generators of clients know no lists and objects in an `enum`."""
    if isinstance(value, dict):
        fields = {name: _only(inner) for name, inner in value.items()}
        return {"type": "object", "properties": fields, "required": list(value), "maxProperties": len(value)}
    if isinstance(value, list):
        items = {"items": _only(value[0])} if value else {"items": {}}
        return {"type": "array", "minItems": len(value), "maxItems": len(value), **items}
    return {"type": JSON_TYPES[type(value)], "const": value}


ONE_ANSWER = OnlyValue("must be 1: ask several times", (1,))
NO_LOGPROBS = OnlyValue("is not offered here: leave it out, or send false", (False,))
NO_TOP_LOGPROBS = OnlyValue("is not offered here: leave it out", (0,))
NO_BIAS = OnlyValue("is not offered here: leave it out", ({},))
NO_FUNCTIONS = OnlyValue("is the old form of tools: send tools", ([],))
NO_FUNCTION_CALL = OnlyValue("is the old form of tools: send tools and tool_choice", ("auto", "none"))
TEXT_MODALITY = OnlyValue('must be ["text"]: no model speaks or draws here yet', (["text"],))
NO_SOUND = OnlyValue("is not offered here: answers are text")
NO_EFFORT = OnlyValue("is not offered here: leave it out, the model's own holds")
MEDIUM = OnlyValue("must be medium: ask for shorter or longer answers in words", ("medium",))
NO_SEARCH = OnlyValue("is not offered here: bring a search as a tool of yours")
