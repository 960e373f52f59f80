"""The repository of agents and of every version they had."""

from shared.contracts.agents import Agent
from shared.storage.driver import Collection
from shared.storage.versioned import Versioned


class Agents(Versioned[Agent]):
    """A tenant's agents."""

    def __init__(self, current: Collection, former: Collection) -> None:
        super().__init__(Agent, current, former, "agent_id")
