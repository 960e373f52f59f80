"""What the parts of a posted message say, side by side in turn: text, files, tools that were asked for, what they gave.

Pure.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.chat.media import attachments, media_of
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.storable import DEEP, HALF, NO_NUMBER, is_text
from shared.contracts.bounds import json_bytes
from shared.contracts.enums import Side
from shared.contracts.transcript import ToolCall, ToolResult

KEPT_PARTS: Final = ("file", "source-url", "source-document")
ANSWERED: Final = ("output-available", "output-error", "result")

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one side says before the other one speaks; tools that were asked for end an agent's."""

    side: Side
    text: str = ""
    parts: tuple[Raw, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.text or self.parts or self.calls or self.results)

    @property
    def bytes_beside(self) -> int:
        """Bytes of all that is not text, as an event tells it. Raises NotStorable for what is no JSON."""
        kept = (self.parts, self.calls, self.results)
        return json_bytes(kept) if any(kept) else 0


def utterances(raw: Raw, side: Side, where: str) -> Iterator[Utterance]:
    """A message's utterances: text that follows tools was said after they answered."""
    said: list[str] = []
    parts: list[Raw] = []
    calls: list[ToolCall] = []
    results: list[ToolResult] = []
    for part in _parts(raw, where):
        kind = part.get("type")
        if kind == "text" and calls:
            yield from _turn(side, said, parts, calls, results)
            said, parts, calls, results = [], [], [], []
        if kind == "text":
            said.append(part["text"])
        elif side is Side.AGENT and (tool := _tool(part, where)) is not None:
            calls.append(tool[0])
            results += tool[1:]
        elif _is_kept(part):
            parts.append(part)
    yield from _turn(side, said, parts, calls, results)


def _is_kept(part: Raw) -> bool:
    """Whether a part that is no text counts; what a model would have to see or hear does, for it is refused."""
    kind = part.get("type")
    known = isinstance(kind, str) and (kind in KEPT_PARTS or kind.startswith("data-"))
    return known or media_of(part) is not None


def _turn(
    side: Side, said: list[str], parts: list[Raw], calls: list[ToolCall], results: list[ToolResult]
) -> Iterator[Utterance]:
    utterance = Utterance(side, "".join(said), tuple(parts), tuple(calls))
    if not utterance.empty:
        yield utterance
    if results:
        yield Utterance(Side.OPPONENT, results=tuple(results))


def _parts(raw: Raw, where: str) -> list[Raw]:
    """The message as parts, whatever its shape."""
    parts, content = _objects(raw, "parts", where), _content(raw, where)
    asked = [{"type": "tool-invocation", "toolInvocation": call} for call in _list(raw, "toolInvocations", where)]
    if not parts and isinstance(raw.get("content"), list):
        asked = []
    # AI SDK 4 shows a message's text behind the tools it was written from.
    return [*(parts or [*asked, *content]), *attachments(raw)]


def _content(raw: Raw, where: str) -> list[Raw]:
    content = raw.get("content")
    if content is None or isinstance(content, list):
        return _objects(raw, "content", where)
    return [{"type": "text", "text": _text(content, f"{where}.content")}]


def _objects(raw: Raw, name: str, where: str) -> list[Raw]:
    """A field of parts. Raises InvalidRequest where one is none."""
    found = _list(raw, name, where)
    if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in found):
        raise InvalidRequest(FieldProblem(f"{where}.{name}", "must be a list of objects, each with its type"))
    for part in found:
        if part["type"] == "text":
            _text(part.get("text"), f"{where}.{name}")
    return found


def _list(raw: Raw, name: str, where: str) -> list[Any]:
    found = raw.get(name)
    if not isinstance(found, list | None):
        raise InvalidRequest(FieldProblem(f"{where}.{name}", "must be a list"))
    return found or []


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(FieldProblem(where, "must be a text, or a list of parts"))
    return value


def _tool(part: Raw, where: str) -> tuple[ToolCall] | tuple[ToolCall, ToolResult] | None:
    """A tool that was asked for, and what it gave if it has answered; None for any other part."""
    kind = part.get("type")
    if kind == "tool-invocation":
        held = part.get("toolInvocation")
        part = held if isinstance(held, dict) else {}
        name, given, output = part.get("toolName"), part.get("args"), part.get("result")
    elif kind == "dynamic-tool" or (isinstance(kind, str) and kind.startswith("tool-")):
        name, given, output = part.get("toolName") or kind.removeprefix("tool-"), part.get("input"), part.get("output")
    else:
        return None
    identity, state = part.get("toolCallId"), part.get("state")
    if not (isinstance(identity, str) and identity and isinstance(name, str)):
        return None
    if not (is_text(identity) and is_text(name)):
        raise InvalidRequest(FieldProblem(f"{where}.parts", *HALF))
    call = ToolCall(id=identity, name=name, input=_json_of(given if given is not None else {}, where))
    if state not in ANSWERED:
        return (call,)
    failed = state == "output-error"
    shown = part.get("errorText") if failed else output
    return call, ToolResult(tool_call_id=identity, output=_json_of(shown, where), is_error=failed)


def _json_of(value: object, where: str) -> str:
    """What a tool was given or gave, as JSON. Raises InvalidRequest for what is none."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise InvalidRequest(FieldProblem(f"{where}.parts", *DEEP)) from None
    except ValueError:
        raise InvalidRequest(FieldProblem(f"{where}.parts", *NO_NUMBER)) from None
    if not is_text(text):
        raise InvalidRequest(FieldProblem(f"{where}.parts", *HALF))
    return text
