"""The report writer: groups failures by the behaviour that was missing and adds what would have helped."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from local_stack.demo_model.behaviours import Behaviour, sentences
from local_stack.demo_model.judge import needs_of
from local_stack.demo_model.personas import recognise
from local_stack.demo_model.scene import Scene
from local_stack.demo_model.scripts import SCRIPTS, Script
from local_stack.demo_model.transcripts import (
    AGENT,
    Conversation,
    Line,
    conversations_of,
    quoted_prompt,
    section,
    unmarked,
)

_REFUSALS: Final = ("i can't help", "i cannot help", "can't assist", "cannot assist")
_NOT_SEEN: Final = "The conversation failed for a reason its transcript does not show."


def report(text: str) -> dict[str, Any]:
    """The report of the material in a report writer's user message."""
    prompt, rest = quoted_prompt(text)
    goal = unmarked(section(rest, "Goal"))
    conversations = conversations_of(section(rest, "Conversations"))
    failed = [conversation for conversation in conversations if conversation.goal_reached != "yes"]
    cases = [_case(conversation, goal, prompt) for conversation in failed]
    missing = _missing(cases)
    lines = [behaviour.instruction for behaviour in missing if behaviour.instruction not in prompt]
    return {
        "summary": _summary(len(conversations), len(failed), missing),
        "failureModes": _failure_modes(cases),
        "revisedPrompt": _revised(prompt, lines),
        "rationale": _rationale(lines),
    }


@dataclass(frozen=True)
class _Case:
    """A failed conversation, what it was about, and what the agent still owed at its end."""

    conversation: Conversation
    script: Script
    owed: tuple[Behaviour, ...]


def _case(conversation: Conversation, goal: str, prompt: str) -> _Case:
    """Reads a conversation by what its own opponent talks about: a scale test may mix several matters."""
    spoken = " ".join(line.text for line in conversation.lines if line.speaker != AGENT)
    script = SCRIPTS[recognise(spoken, goal, prompt).id]
    if not conversation.lines:
        return _Case(conversation, script, ())
    scene = Scene(script, conversation.lines)
    needed = needs_of(scene, goal)
    owed = (one for one in scene.pending() if one in needed or one is script.behaviours[0])
    return _Case(conversation, script, tuple(owed))


def _missing(cases: Sequence[_Case]) -> list[Behaviour]:
    owed = {(case.script.persona.id, one.id) for case in cases for one in case.owed}
    return [
        behaviour
        for script in SCRIPTS.values()
        for behaviour in script.behaviours
        if (script.persona.id, behaviour.id) in owed
    ]


def _failure_modes(cases: Sequence[_Case]) -> list[dict[str, Any]]:
    modes: dict[str, dict[str, Any]] = {}
    for case in cases:
        tag, description = _cause(case)
        mode = modes.setdefault(tag, {"tag": tag, "description": description, "conversationIds": [], "evidence": []})
        if description not in mode["description"]:
            mode["description"] += f" {description}"
        mode["conversationIds"].append(case.conversation.id)
        mode["evidence"].extend(_evidence(case.conversation, case.owed[0] if case.owed else None))
    return sorted(modes.values(), key=lambda mode: -len(mode["conversationIds"]))


def _cause(case: _Case) -> tuple[str, str]:
    """The tag and the sentence for the first thing that went wrong."""
    if any(_is_refusal(line) for line in case.conversation.lines):
        return "refused", "The agent refuses to help."
    return (case.owed[0].tag, case.owed[0].description) if case.owed else ("other", _NOT_SEEN)


def _is_refusal(line: Line) -> bool:
    return line.speaker == AGENT and any(words in line.text.lower() for words in _REFUSALS)


def _evidence(conversation: Conversation, missing: Behaviour | None) -> list[dict[str, Any]]:
    """The agent's words where it was asked for what is missing, else its last words."""
    quoted: Line | None = None
    for before, line in pairwise((None, *conversation.lines)):
        if line is None or line.speaker != AGENT or not line.text:
            continue
        was_asked = before is not None and missing is not None and missing.pressed.search(before.text)
        if was_asked or _is_refusal(line):
            quoted = line
            break
        quoted = line
    if quoted is None:
        return []
    return [{"conversationId": conversation.id, "seq": quoted.seq, "quote": sentences(quoted.text)[0]}]


def _summary(total: int, failed: int, missing: list[Behaviour]) -> str:
    reached = f"The agent reached the goal in {total - failed} of {total} conversations."
    if not missing:
        return reached
    return f"{reached} What was missing when it failed: " + " ".join(one.description for one in missing)


def _revised(prompt: str, lines: list[str]) -> str:
    return "\n".join([prompt.rstrip(), "", *(f"- {line}" for line in lines)]) if lines else prompt


def _rationale(lines: list[str]) -> str:
    if not lines:
        return "The transcripts show nothing that another instruction would mend, so the prompt stays as it is."
    return "Each added line asks for a behaviour that failing conversations lacked. " + " ".join(lines)
