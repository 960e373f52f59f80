"""Calling tools: which of them a message asks for, and with which arguments."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from local_stack.demo_model.behaviours import pattern
from local_stack.demo_model.choice import number, pick
from local_stack.demo_model.memory import named
from local_stack.demo_model.pieces import CallPiece
from local_stack.demo_model.requests import ChatRequest, Tool

_ASKED_FOR: Final = pattern(r"\buse (?:the|a|your) tool\b")
_PIECE: Final = re.compile(r"\S+\s*")
_WORDS: Final = ("alpha", "bravo", "charlie", "delta", "echo")


def call_tools(request: ChatRequest, seed: int) -> tuple[CallPiece, ...]:
    """The calls of the tools that the last message asks for, piece by piece; none where it asks for none."""
    if request.last.role != "user":
        return ()
    return tuple(
        piece for index, tool in enumerate(_asked_for(request)) for piece in _pieces(request, seed, index, tool)
    )


def _asked_for(request: ChatRequest) -> list[Tool]:
    """Those that are insisted on or named, a name's underscores being spaces too; else the first for `use the tool`."""
    text = request.asked.lower()
    chosen = [
        tool
        for tool in request.tools
        if tool.wanted or tool.name.lower() in text or tool.name.lower().replace("_", " ") in text
    ]
    return chosen or ([*request.tools[:1]] if _ASKED_FOR.search(text) else [])


def _pieces(request: ChatRequest, seed: int, index: int, tool: Tool) -> Iterator[CallPiece]:
    key = (seed, request.wanted.seed, request.prompt_sha256, index)
    yield CallPiece(index, id=f"call_{number(*key, 'id'):016x}", name=tool.name)
    properties: dict[str, Any] = tool.parameters.get("properties") or {}
    texts = [word for word in named(request.asked) if not word.isdecimal()]
    numbers = [int(word) for word in named(request.asked) if word.isdecimal()]
    arguments = {name: _value(schema, texts, numbers, (*key, name)) for name, schema in properties.items()}
    for piece in _PIECE.findall(json.dumps(arguments, ensure_ascii=False)):
        yield CallPiece(index, piece)


def _value(schema: dict[str, Any], texts: list[str], numbers: list[int], key: tuple[object, ...]) -> Any:
    """A value for a parameter: what the message names, in order, else one that the key decides."""
    kind = schema.get("type")
    if options := schema.get("enum"):
        return pick(options, *key)
    if kind == "string":
        return texts.pop(0) if texts else pick(_WORDS, *key)
    if kind in ("number", "integer"):
        return numbers.pop(0) if numbers else number(*key) % 100
    return {"boolean": bool(number(*key) % 2), "array": [], "object": {}}.get(str(kind))
