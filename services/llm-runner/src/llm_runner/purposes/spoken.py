"""A chat as its model had it: messages, tools it asked for, what they gave. In OpenAI's shape.

A call that nobody answered, and a result whose call is not among the messages, are left out: providers refuse both.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from shared.contracts.framing import one_line
from shared.contracts.transcript import Entry, ToolCall, ToolResult
from shared.contracts.words import Side

Said = dict[str, Any]


def spoken(messages: Sequence[Entry]) -> list[Said]:
    """The messages for the agent's model; what a person wrote in a row is one message."""
    said: list[Said] = []
    asked: list[Entry] = []
    for place, message in enumerate(messages):
        if message.side is Side.AGENT:
            answered = _answer(message, messages, place + 1)
            if answered:
                said += [*_user(asked), *answered]
                asked = []
        elif message.content or message.parts or not message.tool_results:
            asked.append(message)
    return [*said, *_user(asked)]


def _asked(message: Entry) -> str:
    """What a person wrote. A file is named, not shown: a model that reads none would refuse every later prompt too."""
    files = (part for part in message.parts if part.get("type") == "file")
    named = (part.get("filename") or part.get("mediaType") or part.get("mimeType") or "unnamed" for part in files)
    attached = (f"[attached file, not shown: {one_line(str(name))}]" for name in named)
    return "\n".join(text for text in (message.content, *attached) if text)


def _user(asked: Sequence[Entry]) -> list[Said]:
    """What was written in a row, as one message; what others of a name wrote stands apart."""
    return [
        _named("user", author, "\n\n".join(_asked(message) for message in written))
        for author, written in groupby(asked, key=lambda message: message.author)
    ]


def _named(role: str, author: str | None, text: str | None) -> Said:
    """A message in its author's name, where its caller gave one."""
    return {"role": role, "content": text} | ({"name": author} if author else {})


def _answer(message: Entry, messages: Sequence[Entry], later: int) -> list[Said]:
    """The answer, and right behind it what its tools gave; nothing where it was stopped before its first word."""
    results = _results(messages, later) if message.tool_calls else {}
    calls = [call for call in message.tool_calls if call.id in results]
    if not calls:
        return [_named("assistant", message.author, message.content)] if message.content else []
    asked = _named("assistant", message.author, message.content or None) | {"tool_calls": [*map(_call, calls)]}
    return [asked, *(_result(results[call.id]) for call in calls)]


def _results(messages: Sequence[Entry], later: int) -> dict[str, ToolResult]:
    """What came in before the next tool was asked for: some providers give every call the same id."""
    results: dict[str, ToolResult] = {}
    for message in (messages[place] for place in range(later, len(messages))):
        if message.tool_calls:
            break
        results |= {result.tool_call_id: result for result in message.tool_results}
    return results


def _call(call: ToolCall) -> Said:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.input or "{}"}}


def _result(result: ToolResult) -> Said:
    content = f"Error: {result.output}" if result.is_error else result.output
    return {"role": "tool", "tool_call_id": result.tool_call_id, "content": content}
