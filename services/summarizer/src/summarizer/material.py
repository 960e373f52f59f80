"""A run as it was played: what statistics, evidence and prompts are made of. Pure."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.judgement import Judgement
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, Usage
from shared.contracts.words import EndedReason


@dataclass(frozen=True, slots=True)
class Played:
    """One conversation. `judgement` is the last one made of it, `usage` all that this run paid for it.

    `index` is unique in a report: a retry's conversation has that of the one it plays again.
    """

    id: str
    index: int
    messages: tuple[Entry, ...]
    ended_reason: EndedReason
    ended_at: datetime
    goal_reached: bool | None
    decided_by: int | None = None
    judgement: Judgement | None = None
    usage: Usage = field(default_factory=Usage)
    tags: tuple[str, ...] = ()

    @property
    def errored(self) -> bool:
        return self.ended_reason is EndedReason.ERROR

    @property
    def missed(self) -> bool:
        """Whether it did not reach the goal, whatever the reason; one that nobody judged has missed nothing."""
        return self.goal_reached is False


@dataclass(frozen=True, slots=True)
class Material:
    """A run, its conversations by index, and what all of it cost so far, the report's own generations included.

    A retry's are those it plays again and those its parent keeps, for which it paid nothing.
    """

    run: Run
    conversations: tuple[Played, ...]
    usage: Usage

    @property
    def cause_at(self) -> datetime:
        """When the report came to be owed, the same for every look: the end of the last conversation."""
        return max(conversation.ended_at for conversation in self.conversations)

    @property
    def agent_prompt(self) -> str:
        return self.run.settings.scenarios[0].agent.system_prompt
