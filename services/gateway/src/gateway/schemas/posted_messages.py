"""The messages a client posts, for the OpenAPI document; how they are read stands in `chat/wire_messages.py`.

Nothing is validated by these classes: clients post in many shapes, and what is no part of one is left alone.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

MESSAGE_ID: Final = re.compile(r"[^#\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,128}")
_SPEAKS: Final[JsonDict] = {
    "if": {"properties": {"type": {"const": "text"}}},
    "then": {"properties": {"text": {"minLength": 1}}},
    "else": {"properties": {"type": {"pattern": "^(file|source-url|source-document|data-.*)$"}}},
}
"""A part without which a person's message is empty."""


def _list_of(name: str, items: JsonDict) -> JsonDict:
    return {"required": [name], "properties": {name: {"type": "array", "minItems": 1, **items}}}


class PartPosted(BaseModel):
    """A part of a message; what else it holds depends on its type."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "if": {"properties": {"type": {"const": "text"}}},
            "then": {"required": ["text"], "properties": {"text": {"type": "string"}}},
        },
    )
    type: str
    text: Any = None


class MessagePosted(BaseModel):
    """A message as the AI SDK 4 to 7 or a plain client posts it: `parts` count where there are any, else `content`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "if": {"properties": {"role": {"const": "user"}}},
            "then": {
                "if": _list_of("parts", {}),
                "then": _list_of("parts", {"contains": _SPEAKS}),
                "else": {
                    "if": _list_of("content", {}),
                    "then": _list_of("content", {"contains": _SPEAKS}),
                    "else": {"required": ["content"], "properties": {"content": {"type": "string", "minLength": 1}}},
                },
            },
        },
    )
    role: Literal["user", "assistant", "system"]
    id: Annotated[str, Field(json_schema_extra={"pattern": f"^({MESSAGE_ID.pattern})?$"})] | None = None
    content: str | list[PartPosted] | None = None
    parts: list[PartPosted] | None = None
    tool_invocations: list[Any] | None = Field(default=None, alias="toolInvocations")


class NextMessage(MessagePosted):
    """What a person says next."""

    role: Literal["user"] = "user"


Posted = Annotated[
    list[dict[str, Any]],
    Field(min_length=1),
    BeforeValidator(lambda value: value, json_schema_input_type=list[MessagePosted]),
]
PostedAlone = Annotated[
    str | dict[str, Any],
    BeforeValidator(lambda value: value, json_schema_input_type=Annotated[str, Field(min_length=1)] | NextMessage),
]
