"""What a provider sent, as our own types: whatever the dialect, its values pass here.

What an answer can do without counts as not said where it is odd: its counts, the name of its end, the id of a tool
call. What it is made of is refused as Malformed. So an answer that was paid for is not given up for its trimmings.
"""

import json
from typing import Any

import orjson

from llm_runner.providers.provider import (
    LONGEST_FINISH_REASON,
    LONGEST_TOOL_ID,
    PROVIDER_ERROR,
    Malformed,
    ProviderFailure,
    TokenCount,
    ToolCallDelta,
)

OTHER = "other"
BROKEN_OFF = "error"
OURS = {"stopped": "stop"}
"""Ends that mean something else where we say them."""


def parsed(data: bytes) -> Any:
    """A JSON value. Raises Malformed.

    Halves of a surrogate pair, infinities and the like are read, too: they may stand where nobody looks.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Malformed("no JSON") from error


def token_count(prompt: object, completion: object) -> TokenCount | None:
    """The provider's counts, or None where they are none: they are estimated then."""
    try:
        return TokenCount(prompt, completion)  # type: ignore[arg-type] # it looks for itself
    except Malformed:
        return None


def finish_reason(value: object) -> str | None:
    """How an answer ended, or None while it has not. Raises ProviderFailure for one that broke off."""
    if not value:
        return None
    if value == BROKEN_OFF:
        raise ProviderFailure(PROVIDER_ERROR, "the answer ended by an error of the provider")
    if isinstance(value, str) and len(value) <= LONGEST_FINISH_REASON and value.isprintable():
        return OURS.get(value, value)
    return OTHER


def tool_call(place: int, index: object, identity: object, name: object, arguments: object) -> ToolCallDelta:
    """A piece of a tool call. Some providers leave out the index, or send the arguments as an object.

    Raises Malformed.
    """
    known = identity if isinstance(identity, str) and 0 < len(identity) <= LONGEST_TOOL_ID else None
    text = arguments if isinstance(arguments, str) else _as_json(arguments)
    counted = place if index is None else index
    return ToolCallDelta(counted, known, name or None, text)  # type: ignore[arg-type] # it looks for itself


def _as_json(arguments: object) -> str:
    if not arguments:
        return ""
    try:
        return orjson.dumps(arguments).decode()
    except TypeError as error:
        raise Malformed("the arguments of a tool call") from error
