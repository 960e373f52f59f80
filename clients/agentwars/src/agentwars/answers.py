"""What the gateway answers (docs/api.md), as read-only values.

Every field a newer gateway adds is kept, so that `wire()` is exactly what was received.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Answer(BaseModel):
    """Snake case here, camelCase on the wire; times stay ISO 8601 texts."""

    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, validate_by_name=True, protected_namespaces=()
    )

    def wire(self) -> dict[str, Any]:
        """The JSON object as the gateway sent it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Agent(Answer):
    id: str
    name: str
    version: int = 1
    description: str | None = None
    system_prompt: str | None = None
    provider: str | None = None
    model: str | None = None
    tier: str | None = None
    updated_at: str | None = None


class Persona(Answer):
    id: str
    name: str
    goal: str | None = None


class Model(Answer):
    name: str
    provider: str
    tier: str | None = None


class Estimate(Answer):
    """What a start is expected to cost, and whether anybody would judge it."""

    estimated_usd: float | None = None
    judged: bool = True


class Started(Answer):
    """A run that was accepted; `estimated_usd` is what it is expected to cost."""

    id: str
    conversation_ids: tuple[str, ...] = ()
    estimated_usd: float | None = None
    status: str = "queued"


class Usage(Answer):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0


class Budget(Answer):
    max_usd: float | None = None
    spent_usd: float | None = None


class Trouble(Answer):
    """Why something failed, as a code and a sentence."""

    code: str
    message: str


class Run(Answer):
    """The status object of a run; the last four say something only where it has one conversation."""

    id: str
    kind: str = "scale"
    status: str
    terminal: bool = False
    total: int = 1
    completed: int = 0
    failed: int = 0
    in_progress: int = 0
    progress: int = 0
    conversation_ids: tuple[str, ...] = ()
    usage: Usage = Usage()
    budget: Budget = Budget()
    started_at: str | None = None
    updated_at: str | None = None
    ended_at: str | None = None
    report_ready: bool = False
    error: Trouble | None = None
    current_turn: int | None = None
    goal_reached: bool | None = None
    ended_reason: str | None = None
    winner: str | None = None


class DeadLetter(Answer):
    """Work that was given up, and why; asked for by itself it has its `payload`, too."""

    id: str
    kind: str
    at: str
    error: Trouble
    run_id: str | None = None
    conversation_id: str | None = None
    seq: int | None = None
    purpose: str | None = None
    key: str | None = None
    subject: str | None = None
    payload: dict[str, Any] | None = None


class Replayed(Answer):
    """Given-up work that is on its queue again; `duplicate` where it was put back a moment ago already."""

    id: str
    run_id: str
    subject: str
    message_id: str
    duplicate: bool = False


class Message(Answer):
    """One message of a transcript; `side` is `agent` or `opponent`."""

    seq: int
    side: str
    content: str | None = None
    model: str | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None


class Conversation(Answer):
    """One conversation of a run; `ended_reason` is there once it has ended."""

    id: str
    index: int = 0
    status: str | None = None
    goal_reached: bool | None = None
    ended_reason: str | None = None
    messages: int = 0
    cost_usd: float | None = None
    tags: tuple[str, ...] = ()


class Percentiles(Answer):
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None


class Statistics(Answer):
    """Rates are over `succeeded + unsuccessful`; None where nothing could be judged."""

    total: int = 0
    succeeded: int = 0
    unsuccessful: int = 0
    errored: int = 0
    success_rate: float | None = None
    success_interval: tuple[float, float] | None = None
    mean_turns_to_goal: float | None = None
    turns_to_goal: Percentiles = Percentiles()
    ended_reasons: dict[str, int] = {}
    actual_usd: float | None = None
    tokens: dict[str, int] = {}
    latency_ms: Percentiles = Percentiles()
    ttft_ms: Percentiles = Percentiles()


class CriterionRate(Answer):
    id: str
    name: str | None = None
    satisfied_rate: float | None = None
    interval: tuple[float, float] | None = None


class Evidence(Answer):
    """Words that stand verbatim in message `seq` of the conversation."""

    conversation_id: str
    seq: int
    quote: str


class FailureMode(Answer):
    tag: str
    count: int = 0
    share: float | None = None
    description: str = ""
    evidence: tuple[Evidence, ...] = ()


class Report(Answer):
    """What a run taught; `unavailable` means without prose, the statistics are always there."""

    run_id: str
    status: str
    reason: str | None = None
    summary: str | None = None
    revised_prompt: str | None = None
    rationale: str | None = None
    prompt_diff: str | None = None
    stats: Statistics = Statistics()
    criteria: tuple[CriterionRate, ...] = ()
    failure_modes: tuple[FailureMode, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    verdict: str | None = None
