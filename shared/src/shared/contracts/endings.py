"""What a conversation's end means by its reason, one row a reason (docs/extending.md, "How to add a reason to end")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.enums import EndedReason


@dataclass(frozen=True, slots=True)
class Ending:
    """How an end is listed and counted, and what whoever waits for an answer is told in its place.

    `code` is one of the contract's error codes (docs/api.md), `sentence` is for people.
    """

    status: Literal["complete", "failed", "canceled"] = "complete"
    code: str = "provider_error"
    sentence: str = "No answer was made: try again."

    @property
    def failed(self) -> bool:
        """Whether it says nothing about the agent: it counts as failed, and a retry plays it again."""
        return self.status == "failed"


ENDINGS: Final[Mapping[EndedReason, Ending]] = {
    EndedReason.GOAL: Ending(),
    EndedReason.LIMIT: Ending(),
    EndedReason.BUDGET: Ending(code="budget_exceeded", sentence="The budget of this answer is spent."),
    EndedReason.TIMEOUT: Ending(code="provider_timeout", sentence="The answer took too long: try again."),
    EndedReason.REFUSAL: Ending(),
    EndedReason.REPETITION: Ending(),
    EndedReason.CANCELED: Ending("canceled", code="canceled", sentence="The answer was stopped."),
    EndedReason.ERROR: Ending("failed"),
}
FAILED: Final = tuple(reason for reason, ending in ENDINGS.items() if ending.failed)
