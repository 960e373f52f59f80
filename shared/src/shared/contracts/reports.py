"""What a run taught (docs/api.md, "Scale tests, comparisons, reports")."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from shared.contracts.enums import EndedReason, FailureTag
from shared.contracts.model import Contract, absent
from shared.contracts.routes import PlayedModel
from shared.contracts.timestamps import Timestamp

UNJUDGED: Final = "unjudged"
"""Why a report that is ready has no prose: the run had neither goal nor criteria, or no judge."""


class TurnsToGoal(Contract):
    p50: float | None = None
    p90: float | None = None


class Percentiles(Contract):
    p50: float | None = None
    p95: float | None = None


class Statistics(Contract):
    """Counted by code. *succeeded* = goal reached, *unsuccessful* = ended without it, *errored* = ended by error.

    Rates are over the first two, with a 95 % Wilson interval; null where nothing can be judged. Those that are
    `substituted` (another model spoke or judged than the run had resolved) and did not end by error are counted apart.
    """

    total: int
    succeeded: int
    unsuccessful: int
    errored: int
    failed: int
    success_rate: float | None
    success_interval: tuple[float, float] | None
    pass_at_k: float | None = None
    pass_pow_k: float | None = None
    mean_turns_to_goal: float | None = None
    turns_to_goal: TurnsToGoal = TurnsToGoal()
    substituted: int = Field(default=0, exclude_if=absent)
    ended_reasons: dict[str, int] = Field(default_factory=dict)
    actual_usd: float = 0.0
    tokens: dict[str, int] = Field(default_factory=dict)
    latency_ms: Percentiles = Percentiles()
    ttft_ms: Percentiles = Percentiles()


class CriterionRate(Contract):
    id: str
    name: str
    satisfied_rate: float | None
    interval: tuple[float, float] | None


class Evidence(Contract):
    """Words of the agent that stand in message `seq` of the conversation: checked by code."""

    conversation_id: str
    seq: int
    quote: str


class FailureMode(Contract):
    """One way conversations failed: how many did, their share of the failed ones, and quoted evidence."""

    tag: FailureTag
    count: int
    share: float
    description: str
    evidence: tuple[Evidence, ...] = ()


class ConversationOutcome(Contract):
    id: str
    goal_reached: bool | None
    ended_reason: EndedReason | None
    messages: int
    cost_usd: float
    substituted: bool = Field(default=False, exclude_if=absent)
    tags: tuple[str, ...] = ()


class Report(Contract):
    """`status` is `unavailable`, with the reason, where the prose could not be written: statistics are always there.

    They are all there is to a run that nobody judged: `ready`, with the reason `unjudged`. `models` are those of the
    run, as its start resolved them.
    """

    run_id: str
    tenant: SkipJsonSchema[str]
    status: Literal["ready", "unavailable"]
    reason: str | None = None
    summary: str | None = None
    revised_prompt: str | None = None
    rationale: str | None = None
    prompt_diff: str | None = None
    stats: Statistics
    criteria: tuple[CriterionRate, ...] = ()
    failure_modes: tuple[FailureMode, ...] = ()
    conversations: tuple[ConversationOutcome, ...] = ()
    generated_by: str | None = None
    models: tuple[PlayedModel, ...] = ()
    created_at: Timestamp


def _well_formed(evidence: object) -> object:
    """The pieces that can be evidence at all: one of another shape proves nothing, and costs the others nothing."""
    return [one for one in evidence if _is_evidence(one)] if isinstance(evidence, list) else evidence


def _is_evidence(one: object) -> bool:
    # A `true` is no message 1.
    return (
        isinstance(one, dict)
        and type(one.get("seq")) is int
        and all(isinstance(one.get(name), str) for name in ("conversationId", "quote"))
    )


class ReportDraft(Contract):
    """What the report's generation must answer: the schema its JSON is held against."""

    class DraftMode(Contract):
        tag: FailureTag = FailureTag.OTHER
        description: str
        conversation_ids: tuple[str, ...] = ()
        evidence: Annotated[tuple[Evidence, ...], BeforeValidator(_well_formed)] = ()

    summary: str
    failure_modes: tuple[DraftMode, ...] = ()
    revised_prompt: str
    rationale: str
