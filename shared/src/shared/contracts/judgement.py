"""What a judge says of a conversation so far."""

from typing import Annotated, Final

from pydantic import AfterValidator

from shared.contracts.enums import JudgementStatus, Stage
from shared.contracts.model import Contract, Sentence, Word

CRITERIA_AT_MOST: Final = 20
"""As many as a run may name."""


class CriterionJudgement(Contract):
    """One criterion's finding; the quote is words of the agent that stand in message `seq`, or there is none."""

    id: Word
    status: Word  # "met" | "unmet" | "unknown"
    seq: int | None = None
    quote: Sentence | None = None


Criteria = Annotated[tuple[CriterionJudgement, ...], AfterValidator(lambda judged: judged[:CRITERIA_AT_MOST])]


class Judgement(Contract):
    """The judge's answer about the conversation up to the message `seq`."""

    seq: int
    stage: Stage
    status: JudgementStatus
    confidence: float = 0.0
    reason: Sentence | None = None
    criteria: Criteria = ()

    def confirms(self, confidence: float) -> bool:
        """Whether it says the goal is reached, with at least that confidence."""
        return self.status is JudgementStatus.COMPLETE and self.confidence >= confidence
