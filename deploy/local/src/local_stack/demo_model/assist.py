"""PromptBro's and the summary's lines: short texts made from what the prompt holds."""

import json
import re
from typing import Final

from local_stack.demo_model.behaviours import Behaviour, sentences
from local_stack.demo_model.personas import recognise
from local_stack.demo_model.scripts import SCRIPTS
from local_stack.demo_model.transcripts import AGENT, OPPONENT, lines_of, said_by

_STEP: Final = re.compile(r"^Step: *(\w+).*\n?", re.MULTILINE)
_INPUT: Final = re.compile(r"^Input: *\n?", re.MULTILINE)


def assist(text: str, wants_json: bool = False) -> str:
    """The answer to one step of the prompt guide: a brief, a section, or a rewritten prompt.

    Criteria, and whatever is wanted as JSON, are the checklist of a goal: `{"criteria": [{"id", "text", "required"}]}`.
    """
    found = _STEP.search(text)
    step = found[1].lower() if found else "rewrite"
    labelled = _INPUT.search(text)
    material = (text[labelled.end() :] if labelled else _STEP.sub("", text)).strip()
    behaviours = SCRIPTS[recognise(material).id].behaviours
    if wants_json or step == "criteria":
        return _criteria(behaviours)
    return {"brief": _brief, "section": _section}.get(step, _rewrite)(material, behaviours)


def condense(text: str) -> str:
    """A summary of a transcript in two or three sentences."""
    lines = lines_of(text)
    asked, answered = said_by(lines, OPPONENT), said_by(lines, AGENT)
    if not asked and not answered:
        words = " ".join(text.split()[:40])
        return f"So far, in short: {words}"
    begun = f"The person began with: {sentences(asked[0])[0]}" if asked else "The agent spoke first."
    last = f" The agent's last word was: {sentences(answered[-1])[0]}" if answered else ""
    return f"{begun}{last} The conversation has {len(lines)} messages so far."


def _criteria(behaviours: tuple[Behaviour, ...]) -> str:
    criteria = [{"id": one.id.replace("_", "-"), "text": one.instruction, "required": one.needed} for one in behaviours]
    return json.dumps({"criteria": criteria}, ensure_ascii=False)


def _brief(material: str, behaviours: tuple[Behaviour, ...]) -> str:
    subject = sentences(material)[0] if material else "an agent that helps people with their requests"
    todo = " ".join(behaviour.instruction for behaviour in behaviours)
    return (
        f"Goal: {subject}\nAudience: people who write once and want their matter settled.\n"
        f"Tone: friendly, clear, short sentences.\nWhat the agent must not forget: {todo}"
    )


def _section(material: str, behaviours: tuple[Behaviour, ...]) -> str:
    return "\n".join(["What to do, in this order:", *(f"- {behaviour.instruction}" for behaviour in behaviours)])


def _rewrite(material: str, behaviours: tuple[Behaviour, ...]) -> str:
    prompt = material or "You are a helpful assistant."
    lines = [f"- {one.instruction}" for one in behaviours if not one.is_instructed(prompt)]
    return "\n".join([prompt, "", "Work like this:", *lines]) if lines else prompt
