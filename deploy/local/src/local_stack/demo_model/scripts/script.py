"""The form of a scenario."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from local_stack.demo_model.behaviours import Behaviour
from local_stack.demo_model.personas import Persona


@dataclass(frozen=True)
class Script:
    """A scenario: behaviours in the order they are needed, the first of them a question for details.

    `details` recognises that the person has given them; `at_once` is how many behaviours fit one message;
    `reactions` are what the person says right after a behaviour, by its id. Lines are templates.
    """

    persona: Persona
    behaviours: tuple[Behaviour, ...]
    details: re.Pattern[str]
    at_once: int
    openings: tuple[str, ...]
    tells: tuple[str, ...]
    thanks: tuple[str, ...]
    gives_up: tuple[str, ...]
    parting: tuple[str, ...]
    reactions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def needs(self) -> tuple[Behaviour, ...]:
        """What the person's goal consists of."""
        return tuple(behaviour for behaviour in self.behaviours if behaviour.needed)
