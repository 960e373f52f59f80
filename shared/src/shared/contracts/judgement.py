"""What a judge says of a conversation so far."""

from shared.contracts.record import Record
from shared.contracts.words import JudgementStatus, Stage


class CriterionJudgement(Record):
    """One criterion's finding; the quote is words of the agent that stand in message `seq`, or there is none."""

    id: str
    status: str  # "met" | "unmet" | "unknown"
    seq: int | None = None
    quote: str | None = None


class Judgement(Record):
    """The judge's answer about the conversation up to the message `seq`."""

    seq: int
    stage: Stage
    status: JudgementStatus
    confidence: float = 0.0
    reason: str | None = None
    criteria: tuple[CriterionJudgement, ...] = ()

    def confirms(self, confidence: float) -> bool:
        """Whether it says the goal is reached, with at least that confidence."""
        return self.status is JudgementStatus.COMPLETE and self.confidence >= confidence
