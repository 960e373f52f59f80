"""A chat as turns of its model: messages, tools it asked for, what they gave.

A call that nobody answered, and a result whose call is not among the messages, are left out: providers refuse both.
"""

from collections.abc import Sequence
from itertools import groupby

from llm_runner.providers.prompt import Role, Thought, Turn
from shared.contracts.enums import Side
from shared.contracts.framing import one_line
from shared.contracts.transcript import Entry, ToolCall, ToolResult


def chat_turns(messages: Sequence[Entry], provider: str) -> list[Turn]:
    """The turns for the agent's model at `provider`; what a person wrote in a row is one."""
    turns: list[Turn] = []
    written: list[Entry] = []
    for place, message in enumerate(messages):
        if message.side is Side.AGENT:
            answer = _answer(message, messages, place + 1, provider)
            if answer:
                turns += [*_user(written), *answer]
                written = []
        elif message.content or message.parts or not message.tool_results:
            written.append(message)
    return [*turns, *_user(written)]


def _user(written: Sequence[Entry]) -> list[Turn]:
    """What was written in a row, as one turn; what others of a name wrote stands apart."""
    return [
        Turn(Role.USER, ("\n\n".join(_text(message) for message in by_one),), author)
        for author, by_one in groupby(written, key=lambda message: message.author)
    ]


def _text(message: Entry) -> str:
    """What a person wrote. A file is named, not shown: a model that reads none would refuse every later prompt too."""
    files = (part for part in message.parts if part.get("type") == "file")
    named = (part.get("filename") or part.get("mediaType") or part.get("mimeType") or "unnamed" for part in files)
    attached = (f"[attached file, not shown: {one_line(str(name))}]" for name in named)
    return "\n".join(text for text in (message.content, *attached) if text)


def _answer(message: Entry, messages: Sequence[Entry], later: int, provider: str) -> list[Turn]:
    """The answer, and right behind it what its tools gave; nothing where it was stopped before its first word."""
    results = _results(messages, later) if message.tool_calls else {}
    own = message.provider == provider
    calls = [call if own else _bare(call) for call in message.tool_calls if call.id in results]
    thoughts = [Thought(message.provider or "", message.model or "", block) for block in message.thoughts]
    text = [*thoughts, message.content] if message.content else thoughts
    if not calls:
        return [Turn(Role.ASSISTANT, (*text,), message.author)] if text else []
    gave = Turn(Role.USER, tuple(results[call.id] for call in calls))
    return [Turn(Role.ASSISTANT, (*text, *calls), message.author), gave]


def _bare(call: ToolCall) -> ToolCall:
    """The call without what only its own provider knows to read."""
    return call.model_copy(update={"beside": None}) if call.beside else call


def _results(messages: Sequence[Entry], later: int) -> dict[str, ToolResult]:
    """What came in before the next tool was asked for: some providers give every call the same id."""
    results: dict[str, ToolResult] = {}
    for message in (messages[place] for place in range(later, len(messages))):
        if message.tool_calls:
            break
        results |= {result.tool_call_id: result for result in message.tool_results}
    return results
