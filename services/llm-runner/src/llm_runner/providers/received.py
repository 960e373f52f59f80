"""What a provider sent, as our own types: whatever the dialect, its values pass here.

What an answer can do without counts as not said where it is odd: its counts, the name of its end, the id of a tool
call. What it is made of is refused as Malformed. So an answer that was paid for is not given up for its trimmings.
"""

import json
from typing import Any, Final

import orjson

from llm_runner.providers.provider import (
    LONGEST_FINISH_REASON,
    LONGEST_TOOL_ID,
    MOST_TOKENS,
    Malformed,
    ProviderFailure,
    ToolCallDelta,
)
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason

FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "safety": FinishReason.CONTENT_FILTER,
    "recitation": FinishReason.CONTENT_FILTER,
    "blocklist": FinishReason.CONTENT_FILTER,
    "prohibited_content": FinishReason.CONTENT_FILTER,
    "spii": FinishReason.CONTENT_FILTER,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.REFUSAL,
}
"""What providers call an answer's end, in small letters: one table for all dialects, streamed and whole."""
BROKEN_OFF: Final[dict[str, Family]] = {
    "error": Family.SERVER_ERROR,
    "insufficient_system_resource": Family.OVERLOADED,
    "abort": Family.CUT,
}
"""Ends that say that it is none."""


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


def count(value: object) -> int | None:
    """A count of tokens, or None where it is none: it is estimated then."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def finished(value: object) -> tuple[FinishReason, str] | None:
    """How an answer ended, with the provider's word for it; None while it has not.

    Raises ProviderFailure for one that broke off.
    """
    if not value:
        return None
    word = value if isinstance(value, str) and len(value) <= LONGEST_FINISH_REASON and value.isprintable() else "other"
    if family := BROKEN_OFF.get(word.lower()):
        raise ProviderFailure(family, "the answer ended by an error of the provider")
    return FINISH_REASONS.get(word.lower(), FinishReason.UNKNOWN), word


def tool_call(
    index: object, identity: object, name: object, arguments: object, beside: str | None = None
) -> ToolCallDelta:
    """A piece of a tool call. Some providers leave out the index, or send the arguments as an object.

    Raises Malformed.
    """
    written = str(identity) if type(identity) is int else identity
    known = written if isinstance(written, str) and 0 < len(written) <= LONGEST_TOOL_ID else None
    text = arguments if isinstance(arguments, str) else _as_json(arguments)
    return ToolCallDelta(index, known, name or None, text, beside)  # type: ignore[arg-type] # it looks for itself


def _as_json(arguments: object) -> str:
    if not arguments:
        return ""
    try:
        return orjson.dumps(arguments).decode()
    except TypeError as error:
        raise Malformed("the arguments of a tool call") from error
