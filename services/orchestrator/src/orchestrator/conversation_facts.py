"""What `decide` is told of a conversation: what is durable about it, and what is wanted of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.enums import EndedReason, Purpose, Stage, Wanted
from shared.contracts.judgement import Judgement
from shared.contracts.settings import ConversationSettings
from shared.contracts.transcript import Failure

REPAIR = {Stage.FAST: Stage.FAST_REPAIR, Stage.STRONG: Stage.STRONG_REPAIR}


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """What stands stored for one stage: a judgement, or none because it failed for good or did not parse."""

    judgement: Judgement | None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """An agent message and what judges have answered about it so far."""

    seq: int
    finding: EndedReason | None = None
    answers: Mapping[Stage, JudgeAnswer] = field(default_factory=dict)

    def verdict(self, stage: Stage) -> Judgement | None:
        """What a stage says, its repair included; None is unknown, which never ends and never blocks."""
        for answered in (stage, REPAIR[stage]):
            answer = self.answers.get(answered)
            if answer is not None and answer.judgement is not None:
                return answer.judgement
        return None

    def stage_due(self, stage: Stage) -> Stage | None:
        """The stage itself, its one repair where the answer did not parse, or None where the stage is settled."""
        answer = self.answers.get(stage)
        if answer is None:
            return stage
        if answer.judgement is not None or answer.failed or REPAIR[stage] in self.answers:
            return None
        return REPAIR[stage]


@dataclass(frozen=True, slots=True)
class Ended:
    """The closing entry."""

    seq: int
    reason: EndedReason
    decided_by: int | None


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """What is durable about a conversation: entries 1..`messages`, judgements, failures, and what is wanted.

    `agent_messages` may hold the last one only, where the trigger proves that the earlier ones are settled.
    `refused` holds what the budget refused in this look: a refusal is not stored. Of a chat, `messages` counts rewinds
    too, `unanswered` says that the last message that counts is the person's, and `memory_due` is the last message that
    should be summed up and is not.
    """

    settings: ConversationSettings
    messages: int
    wanted: Wanted = Wanted.RUN
    deadline_at: datetime | None = None
    purpose: Purpose = Purpose.TURN
    ended: Ended | None = None
    agent_messages: tuple[AgentMessage, ...] = ()
    failures: Mapping[int, Failure] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()
    unanswered: bool = False
    memory_due: int | None = None
