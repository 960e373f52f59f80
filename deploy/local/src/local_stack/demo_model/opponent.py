"""The simulated user: answers what it is asked, asks for what is missing, gives up after asking twice."""

import re
from collections.abc import Sequence
from typing import Final

from local_stack.demo_model.choice import pick
from local_stack.demo_model.scene import Scene, facts, in_turn, offered_slot

PATIENCE: Final = 2
_ORDER_IN_PERSONA: Final = re.compile(r"order(?: number)?(?: is)? #?(\d{4,})", re.IGNORECASE)


def reply(scene: Scene, persona_prompt: str, key: Sequence[object], opening_key: Sequence[object]) -> str:
    """The person's next message; `opening_key` varies the first one where the request holds no seed."""
    script, own = scene.script, scene.opponent
    if not own:
        return pick(script.openings, *opening_key)
    options = _options(scene)
    line = in_turn(options, len(own), *key)
    return line.format_map(facts(scene, key) | _own_facts(scene, persona_prompt))


def _options(scene: Scene) -> tuple[str, ...]:
    script, last = scene.script, scene.agent[-1] if scene.agent else ""
    if scene.satisfied():
        return script.thanks
    if script.behaviours[0].evidence(last) and not _has_told(scene):
        return script.tells
    if any(text in script.gives_up for text in scene.opponent):
        return script.parting
    for behaviour in script.behaviours:
        if behaviour.id in script.reactions and behaviour.evidence(last):
            return script.reactions[behaviour.id]
    missing = scene.pending()[0]
    return missing.presses if scene.presses(missing) < PATIENCE else script.gives_up


def _has_told(scene: Scene) -> bool:
    """A persona whose details cannot be recognised tells them once, as its second or later message."""
    return scene.details_given() or any(text in scene.script.tells for text in scene.opponent)


def _own_facts(scene: Scene, persona_prompt: str) -> dict[str, str]:
    order = _ORDER_IN_PERSONA.search(persona_prompt)
    slot = offered_slot(scene.agent[-1]) if scene.agent else None
    known = {"order": order[1] if order else "48213"}
    return known | ({"day": slot[0], "time": slot[1]} if slot else {})
