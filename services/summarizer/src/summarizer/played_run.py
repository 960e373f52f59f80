"""A run as it was played: what statistics, evidence and prompts are made of. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from shared.contracts.endings import FAILED
from shared.contracts.enums import EndedReason, Side
from shared.contracts.judgement import Judgement
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, Usage


class AnswerTimes(NamedTuple):
    """How long a generated message of the agent took, in milliseconds."""

    latency_ms: float | None
    ttft_ms: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a transcript adds up to: its messages, its length in tokens, and the agent's generated answers."""

    messages: int
    tokens: int
    answers: tuple[AnswerTimes, ...]


@dataclass(frozen=True, slots=True)
class PlayedConversation:
    """One conversation. `judgement` is the last one made of it, `usage` all that this run paid for it.

    `index` is unique in a report: a retry's conversation has that of the one it plays again. Where there are
    `figures` they stand for `messages`, which are held only of what is shown: a run may have thousands of others.
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
    figures: Figures | None = None
    substituted: bool = False

    @property
    def length(self) -> int:
        """How many messages it has."""
        return len(self.messages) if self.figures is None else self.figures.messages

    @property
    def answers(self) -> tuple[AnswerTimes, ...]:
        """The agent's messages that were generated for it."""
        return answers_of(self.messages) if self.figures is None else self.figures.answers

    @property
    def errored(self) -> bool:
        return self.ended_reason in FAILED

    @property
    def missed(self) -> bool:
        """Whether it did not reach the goal, whatever the reason; one that nobody judged has missed nothing.

        Nor has one in which another model spoke or judged: it says nothing of those that were asked for.
        """
        return self.goal_reached is False and not self.substituted


@dataclass(frozen=True, slots=True)
class PlayedRun:
    """A run, its conversations by index, and what all of it cost so far, the report's own generations included.

    A retry's are those it plays again and those its parent keeps, for which it paid nothing.
    """

    run: Run
    conversations: tuple[PlayedConversation, ...]
    usage: Usage

    @property
    def cause_at(self) -> datetime:
        """When the report came to be owed, the same for every look: the end of the last conversation."""
        return max(conversation.ended_at for conversation in self.conversations)

    @property
    def agent_prompt(self) -> str:
        return self.run.settings.scenarios[0].agent.system_prompt


def answers_of(messages: Iterable[Entry]) -> tuple[AnswerTimes, ...]:
    """The agent's messages among them that were generated for this conversation."""
    return tuple(
        AnswerTimes(one.latency_ms, one.ttft_ms)
        for one in messages
        if one.side is Side.AGENT and one.attempt is not None and not one.inherited
    )
