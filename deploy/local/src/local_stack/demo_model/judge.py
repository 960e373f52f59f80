"""The judge: reads the transcript, and says of each criterion whether the agent has met it and where."""

import re
from dataclasses import dataclass
from typing import Any, Final

from local_stack.demo_model.behaviours import Behaviour
from local_stack.demo_model.personas import GENERIC, recognise
from local_stack.demo_model.scene import Evidence, Scene
from local_stack.demo_model.scripts import GENERIC_SCRIPT, SCRIPTS
from local_stack.demo_model.transcripts import AGENT, lines_of, section, unmarked

PLAIN_JUDGEMENT: Final = {
    "status": "incomplete",
    "confidence": 0.9,
    "criteria": [{"id": "goal", "status": "unmet"}],
}
_CRITERION: Final = re.compile(r"^- ([^:\s]+): (.*?)(?: \((required|optional)\))?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class _Criterion:
    id: str
    text: str
    required: bool


def judge(text: str) -> dict[str, Any]:
    """The judgement of the material in a judge's user message."""
    goal = unmarked(section(text, "Goal"))
    scene = Scene(SCRIPTS[recognise(goal).id], lines_of(section(text, "Transcript")))
    criteria = _criteria(section(text, "Criteria"), goal)
    found = {criterion.id: _evidence(scene, criterion) for criterion in criteria}
    complete = all(found[criterion.id] for criterion in criteria if criterion.required)
    return {
        "status": "complete" if complete else "incomplete",
        "confidence": 0.95 if complete else 0.9,
        "reason": _reason(criteria, found),
        "criteria": [_verdict(criterion.id, found[criterion.id]) for criterion in criteria],
    }


def needs_of(scene: Scene, goal: str) -> tuple[Behaviour, ...]:
    """What a goal asks of the agent: the behaviours it names, or all that its persona needs if it names none."""
    named = tuple(behaviour for behaviour in scene.script.needs if behaviour.named.search(goal))
    return named or scene.script.needs


def _criteria(text: str, goal: str) -> list[_Criterion]:
    # Further lines of a criterion are marked: they are put behind its first.
    listed = _CRITERION.finditer(text.replace("\n| ", " "))
    found = [_Criterion(match[1], match[2], match[3] != "optional") for match in listed]
    return found or [_Criterion("goal", goal, True)]


def _evidence(scene: Scene, criterion: _Criterion) -> Evidence | None:
    if scene.script.persona is GENERIC:
        return _confirmed_last(scene)
    if criterion.id == "goal":
        needs = needs_of(scene, criterion.text)
    else:
        needs = tuple(one for one in scene.script.behaviours if one.named.search(criterion.text))
    if not needs:
        return _confirmed_last(scene)
    found = [evidence for behaviour in needs if (evidence := scene.evidence(behaviour))]
    return max(found, key=lambda evidence: evidence.seq) if len(found) == len(needs) else None


def _confirmed_last(scene: Scene) -> Evidence | None:
    """For a goal nobody knows: the agent's last message says explicitly that it is done."""
    last = next((line for line in reversed(scene.lines) if line.speaker == AGENT), None)
    quote = GENERIC_SCRIPT.behaviours[-1].evidence(last.text) if last else None
    return Evidence(last.seq, quote) if last and quote else None


def _verdict(criterion_id: str, evidence: Evidence | None) -> dict[str, Any]:
    if evidence is None:
        return {"id": criterion_id, "status": "unmet"}
    return {"id": criterion_id, "status": "met", "seq": evidence.seq, "quote": evidence.quote}


def _reason(criteria: list[_Criterion], found: dict[str, Evidence | None]) -> str:
    unmet = [criterion.id for criterion in criteria if found[criterion.id] is None]
    if not unmet:
        return "The agent has said everything the goal asks for."
    return f"The transcript does not show yet: {', '.join(unmet)}."
