"""The blocks that a message of Anthropic's is made of, as they come piece by piece."""

from typing import Any

import orjson

from llm_runner.providers.provider import Chunk, Malformed
from llm_runner.providers.received import tool_call

TEXT, THINKING, REDACTED, TOOL = "text", "thinking", "redacted_thinking", "tool_use"


class Block:
    """One block: `index` counts them. What is of another kind than those four says nothing."""

    def __init__(self, index: int, start: dict[str, Any]) -> None:
        self._index = index
        self._start = start
        self._kind = start.get("type")
        self._thinking: list[str] = []
        self._signature = start.get("signature") or ""
        self._has_arguments = False

    def begin(self) -> Chunk | None:
        """What its start says already."""
        if self._kind == TEXT:
            return Chunk(_text(self._start.get("text")))
        if self._kind == THINKING:
            return self._think(self._start.get("thinking"))
        if self._kind == TOOL:
            start = self._start
            return Chunk(tool_calls=(tool_call(self._index, start.get("id"), start.get("name"), ""),))
        return None

    def piece(self, delta: dict[str, Any]) -> Chunk | None:
        """What a piece of it says. Raises Malformed."""
        match delta.get("type"):
            case "text_delta":
                return Chunk(_text(delta.get("text")))
            case "thinking_delta":
                return self._think(delta.get("thinking"))
            case "signature_delta":
                self._signature += _text(delta.get("signature"))
            case "input_json_delta":
                arguments = _text(delta.get("partial_json"))
                self._has_arguments = self._has_arguments or bool(arguments)
                return Chunk(tool_calls=(tool_call(self._index, None, None, arguments),))
        return None

    def stop(self) -> Chunk | None:
        """What is known of it only now: a thought as a whole, or arguments that came with its start."""
        if self._kind == TOOL and not self._has_arguments:
            given = self._start.get("input")
            return Chunk(tool_calls=(tool_call(self._index, None, None, given),))
        if self._kind == REDACTED:
            return Chunk(thoughts=(orjson.dumps(self._start).decode(),))
        if self._kind == THINKING and (self._signature or self._thinking):
            thought = {"type": THINKING, "thinking": "".join(self._thinking), "signature": self._signature}
            return Chunk(thoughts=(orjson.dumps(thought).decode(),))
        return None

    def _think(self, text: object) -> Chunk:
        self._thinking.append(_text(text))
        return Chunk(reasoning=self._thinking[-1])


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed("the text of a block")
    return value
