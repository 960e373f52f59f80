"""The agent under test: what its system prompt asks for it does, the rest it does when it happens to think of it.

Whether it thinks of it is drawn once per conversation and behaviour, not per message and not from the prompt: two
prompts in the same scenario differ by what they ask for and by nothing else.
"""

import re
from collections.abc import Sequence
from typing import Final

from local_stack.demo_model.behaviours import Behaviour
from local_stack.demo_model.choice import unit
from local_stack.demo_model.scene import Scene, facts, in_turn

SURE: Final = 0.985  # told to by its prompt
WHEN_PRESSED: Final = 0.70  # not told to, but the person asks for it
BY_ITSELF: Final = 0.35

_POLITE: Final = re.compile(r"\bpolite|\bfriendly|\bcourteous|\bkind\b|\bempath", re.IGNORECASE)
_GREETINGS: Final = (
    "Hello and welcome! I am here to help you with your request. What can I do for you today?",
    "Good day, and thank you for getting in touch with us. How can I help you today?",
)
_CLOSINGS: Final = (
    "You're welcome, I'm glad that we could settle this. I wish you a good day, and do write again at any time.",
    "It was my pleasure. Everything is in our system now, so you can lean back. All the best to you!",
    "Thank you for your kind words. Should anything else come up, we are here for you every day.",
)


def answer(scene: Scene, prompt: str, key: Sequence[object]) -> str:
    """The agent's next message under this system prompt; `key` stands for the conversation."""
    turn = len(scene.agent)
    if not scene.opponent:
        return in_turn(_GREETINGS, turn, *key)
    pending = scene.pending()
    if not pending:
        return in_turn(_CLOSINGS, turn, *key, "closing")
    chosen = _next_behaviours(scene, pending, prompt, key)
    lines = [in_turn(behaviour.does, turn, *key, behaviour.id) for behaviour in chosen]
    if not lines:
        lines = [in_turn(pending[0].misses, turn, *key, pending[0].id, "miss")]
    if turn == 0 and _POLITE.search(prompt):
        lines.insert(0, "Thank you for getting in touch with us.")
    return " ".join(lines).format_map(facts(scene, key))


def _next_behaviours(scene: Scene, pending: list[Behaviour], prompt: str, key: Sequence[object]) -> list[Behaviour]:
    script = scene.script
    if pending[0] is script.behaviours[0]:
        pending = pending[:1]  # Nothing can be done before the details are known.
    chosen = [behaviour for behaviour in pending if _is_willing(scene, behaviour, prompt, key)][: script.at_once]
    in_order = script.at_once == 1 or pending[0] in script.behaviours[:2]
    return [] if in_order and pending[0] not in chosen else chosen


def _is_willing(scene: Scene, behaviour: Behaviour, prompt: str, key: Sequence[object]) -> bool:
    draw = unit(*key, "willing", behaviour.id)
    if behaviour.is_instructed(prompt):
        return draw < SURE
    return draw < (WHEN_PRESSED if scene.presses(behaviour) else BY_ITSELF)
