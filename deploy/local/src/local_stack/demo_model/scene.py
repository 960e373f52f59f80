"""Where a conversation stands: what the agent has done, what it still owes, which facts were named."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from local_stack.demo_model.behaviours import Behaviour
from local_stack.demo_model.choice import number, pick
from local_stack.demo_model.scripts import Script
from local_stack.demo_model.transcripts import AGENT, OPPONENT, Line, said_by

_SLOTS = (
    ("Tuesday", "14:30", "Thursday", "15:15"),
    ("Thursday", "14:00", "Tuesday", "16:30"),
    ("Tuesday", "15:45", "Thursday", "17:00"),
)
_TIME_FRAMES = ("3 to 5", "5", "2 to 4", "7")
_ORDER = re.compile(r"\b\d{4,}\b")
_DAY_AND_TIME = re.compile(
    r"\b((?:mon|tues|wednes|thurs|fri|satur)day)\b.{0,24}?\b(\d{1,2}(?:[:.]\d\d|\s?(?:am|pm|o'clock)))", re.IGNORECASE
)


@dataclass(frozen=True)
class Evidence:
    """Where a behaviour is to be seen: a message and a verbatim part of it."""

    seq: int
    quote: str


@dataclass(frozen=True)
class Scene:
    """A script and the messages so far."""

    script: Script
    lines: tuple[Line, ...]

    @property
    def agent(self) -> list[str]:
        return said_by(self.lines, AGENT)

    @property
    def opponent(self) -> list[str]:
        return said_by(self.lines, OPPONENT)

    def evidence(self, behaviour: Behaviour) -> Evidence | None:
        """The first message in which the agent does this."""
        for line in self.lines:
            if line.speaker == AGENT and (quote := behaviour.evidence(line.text)):
                return Evidence(line.seq, quote)
        return None

    def done(self, behaviour: Behaviour) -> bool:
        return self.evidence(behaviour) is not None

    def details_given(self) -> bool:
        """Whether the person has told what the first behaviour asks for."""
        return any(self.script.details.search(text) for text in self.opponent)

    def pending(self) -> list[Behaviour]:
        """What the agent still owes, in order; it need not ask for what it was told unasked."""
        first = self.script.behaviours[0]
        return [
            behaviour
            for behaviour in self.script.behaviours
            if not self.done(behaviour) and (behaviour is not first or behaviour.needed or not self.details_given())
        ]

    def satisfied(self) -> bool:
        """Whether everything the person's goal needs has been done."""
        return all(self.done(behaviour) for behaviour in self.script.needs)

    def presses(self, behaviour: Behaviour) -> int:
        """How often the person has asked for this."""
        return sum(1 for text in self.opponent if behaviour.pressed.search(text))


def facts(scene: Scene, key: Sequence[object]) -> dict[str, str]:
    """The values that lines are filled with: what was named in the conversation, else what the key decides."""
    day, time, other_day, other_time = pick(_SLOTS, *key, "slots")
    told = " ".join(scene.opponent)
    if chosen := _DAY_AND_TIME.findall(told):
        day, time = chosen[-1]
    order = _ORDER.findall(told)
    return {
        "day": day,
        "time": time,
        "other_day": other_day,
        "other_time": other_time,
        "days": pick(_TIME_FRAMES, *key, "days"),
        "reference": f"RF-{10_000 + number(*key, 'reference') % 90_000}",
        "order": order[-1] if order else "from your account",
    }


def in_turn(options: Sequence[str], turn: int, *key: object) -> str:
    """One of the options: where to begin depends on the key, then each turn takes the next."""
    return options[(number(*key) + turn) % len(options)]


def offered_slot(text: str) -> tuple[str, str] | None:
    """The first day and time a text names."""
    found = _DAY_AND_TIME.search(text)
    return (found[1], found[2]) if found else None
