"""What stands in a delta, or in a whole message, of a chat completion."""

from typing import Any

import orjson

from llm_runner.providers.provider import Malformed, ToolCallDelta
from llm_runner.providers.received import tool_call

Fields = dict[str, Any]
REASONING = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
OWN_OF_A_CALL = frozenset({"index", "id", "type", "function"})


def text_and_reasoning(message: Fields) -> tuple[str, str]:
    """Its text, and what the model thought, which many say twice under different names. Raises Malformed."""
    content = message.get("content")
    text, thought = ("", "") if not content else (content, "") if isinstance(content, str) else _parts(content)
    return text, thought or _reasoning(message)


def tool_calls(message: Fields) -> tuple[ToolCallDelta, ...]:
    """The pieces of tool calls in it. Raises Malformed."""
    old = message.get("function_call")
    pieces = message.get("tool_calls") or ([{"function": old}] if isinstance(old, dict) else ())
    return tuple(_call(piece) for piece in pieces)


def _parts(content: object) -> tuple[str, str]:
    """Content as a list of parts (Mistral): what is neither text nor a thought says nothing here."""
    if not isinstance(content, list):
        raise Malformed("the text of a delta")
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    parts = [part for part in parts if isinstance(part, dict)]
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    thoughts = [_parts_text(part.get("thinking")) for part in parts if part.get("type") == "thinking"]
    return "".join(_known(text) for text in texts), "".join(thoughts)


def _parts_text(thinking: object) -> str:
    return thinking if isinstance(thinking, str) else _parts(thinking)[0] if thinking else ""


def _reasoning(message: Fields) -> str:
    for name in REASONING:
        said = message.get(name)
        if isinstance(said, str) and said:
            return said
    details = message.get("reasoning_details")
    entries = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []
    # What is encrypted has no text.
    return "".join(entry["text"] for entry in entries if isinstance(entry.get("text"), str))


def _call(piece: Fields) -> ToolCallDelta:
    function = piece.get("function") or {}
    others = {name: value for name, value in piece.items() if name not in OWN_OF_A_CALL}
    beside = orjson.dumps(others).decode() if others else None
    return tool_call(piece.get("index"), piece.get("id"), function.get("name"), function.get("arguments"), beside)


def _known(text: object) -> str:
    if text is None or isinstance(text, str):
        return text or ""
    raise Malformed("the text of a part")
