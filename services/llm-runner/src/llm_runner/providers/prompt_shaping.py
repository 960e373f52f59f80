"""A prompt as its target takes it, whatever the dialect: turns alternate, none is blank, speakers are named in text.

Pure, and the same again for what is shaped already.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from llm_runner.providers.prompt import Part, Prompt, Role, Thought, Turn
from llm_runner.providers.target import Target
from shared.contracts.framing import one_line
from shared.contracts.transcript import ToolCall, ToolResult

BEGIN: Final = Turn(Role.USER, ("Begin the conversation.",))
"""What stands at the head where the model spoke first, or is to."""
GO_ON: Final = Turn(Role.USER, ("Go on.",))
"""What stands at the end for a target that answers nobody but a user."""


def shaped(prompt: Prompt, target: Target) -> Prompt:
    """The prompt with turns that alternate, begin with the user's, and hold nothing blank or foreign."""
    turns = _merged(turn for turn in (_told(turn, target) for turn in prompt.turns) if _says_something(turn))
    if not turns or turns[0].role is not Role.USER:
        turns = [BEGIN, *turns]
    if turns[-1].role is Role.ASSISTANT:
        turns = [*turns[:-1], _trimmed(turns[-1]), *([GO_ON] if target.quirks.ends_with_user else ())]
    return replace(prompt, turns=tuple(turns))


def without_system(prompt: Prompt) -> Prompt:
    """The prompt with its instructions at the head of the user's first turn, for a target that takes none elsewhere."""
    if not prompt.system:
        return prompt
    turns = _merged([Turn(Role.USER, (prompt.system,)), *prompt.turns])
    return replace(prompt, system="", turns=tuple(turns))


def _told(turn: Turn, target: Target) -> Turn:
    """A turn without blank texts and others' thoughts; whoever speaks for the user is named in the text.

    The model's own turns go without a name: it would write one, too.
    """
    parts = [part for part in turn.parts if not _is_blank(part) and not _is_foreign(part, target)]
    name = one_line(turn.name) if turn.name and turn.role is Role.USER else ""
    return Turn(turn.role, tuple(_named(parts, name) if name else parts))


def _is_blank(part: Part) -> bool:
    return isinstance(part, str) and not part.strip()


def _is_foreign(part: Part, target: Target) -> bool:
    return isinstance(part, Thought) and (part.provider, part.model) != (target.provider, target.model)


def _named(parts: list[Part], name: str) -> Iterator[Part]:
    """The parts with the name before the first one that is the speaker's own."""
    for place, part in enumerate(parts):
        if isinstance(part, ToolResult):
            yield part
            continue
        yield from [f"{name}: {part}"] if isinstance(part, str) else [f"{name}:", part]
        yield from parts[place + 1 :]
        return


def _says_something(turn: Turn) -> bool:
    """Thoughts alone are no turn."""
    return any(not isinstance(part, Thought) for part in turn.parts)


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    """Turns of one role in a row as one, in their order. What a tool was asked for waits for what it gave."""
    merged: list[Turn] = []
    for turn in turns:
        last = merged[-1] if merged else None
        if last is None or last.role is not turn.role or any(isinstance(part, ToolCall) for part in last.parts):
            merged.append(turn)
        else:
            merged[-1] = Turn(turn.role, _joined(last.parts, turn.parts))
    return merged


def _joined(first: tuple[Part, ...], second: tuple[Part, ...]) -> tuple[Part, ...]:
    """All parts, with a blank line between two texts that meet."""
    ends, begins = first[-1], second[0]
    if isinstance(ends, str) and isinstance(begins, str):
        return (*first[:-1], f"{ends}\n\n{begins}", *second[1:])
    return (*first, *second)


def _trimmed(turn: Turn) -> Turn:
    """A last turn of the model's without white space at its end."""
    *parts, last = turn.parts
    return Turn(turn.role, (*parts, last.rstrip())) if isinstance(last, str) else turn
