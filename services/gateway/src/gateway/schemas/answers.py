"""What answers hold beside the contracts of `shared`."""

from typing import Literal

from pydantic import Field

from gateway.schemas.agents import AgentView
from shared.contracts.enums import EndedReason, FailureFamily, Purpose, RunStatus, Tier
from shared.contracts.model import Contract, absent
from shared.contracts.runs import Links, StatusView
from shared.contracts.timestamps import Timestamp
from shared.contracts.transcript import MessageView


class Started(Contract):
    """A run that was accepted. `id`, `jobId` and `runId` are one value.

    A run that is not `judged` has neither goal nor criteria, or no judge: it is told in statistics only.
    """

    id: str
    job_id: str
    run_id: str
    client_id: str | None
    conversation_ids: list[str]
    status: RunStatus
    estimated_usd: float
    judged: bool
    links: Links
    parent: str | None = Field(default=None, exclude_if=lambda parent: parent is None)


class Tokens(Contract):
    prompt: int = 0
    completion: int = 0
    total: int = 0


class PurposeEstimate(Contract):
    calls: int
    tokens: Tokens
    estimated_usd: float


class EstimateView(Contract):
    """What a start is expected to cost if every conversation reaches its limit, and whether anybody judges it."""

    estimated_usd: float
    judged: bool
    calls: int
    tokens: Tokens
    by_purpose: dict[Purpose, PurposeEstimate]


class AgentPage(Contract):
    items: list[AgentView]
    next_cursor: str | None = None


class RunPage(Contract):
    items: list[StatusView]
    next_cursor: str | None = None


ConversationStatus = Literal["queued", "running", "complete", "failed", "canceled"]


class ConversationItem(Contract):
    """One conversation of a run as lists show it."""

    id: str
    index: int
    status: ConversationStatus
    goal_reached: bool | None = None
    ended_reason: EndedReason | None = None
    messages: int = 0
    cost_usd: float = 0.0
    tags: tuple[str, ...] = ()
    substituted: bool = Field(default=False, exclude_if=absent)


class ConversationPage(Contract):
    items: list[ConversationItem]
    next_cursor: str | None = None


class MessagesView(Contract):
    """Messages after a seq or a time; ask again with `nextSince`."""

    messages: list[MessageView]
    next_since: int | str
    has_more: bool


class MessagePage(Contract):
    items: list[MessageView]
    page: int
    limit: int
    total: int


class ModelLimits(Contract):
    """How many calls may be in flight at the model's provider, and the part kept for people who wait."""

    concurrency: int
    live_concurrency: int


class ModelView(Contract):
    """A model of the registry; prices in dollars per million tokens, null where nobody knows them.

    One that failed again and again is `cooling_down`, `until` when and `why`: it is left alone, and others answer."""

    name: str
    provider: str
    tier: Tier
    context_window: int
    max_output_tokens: int
    input_usd_per_million: float | None
    output_usd_per_million: float | None
    limits: ModelLimits
    status: Literal["healthy", "cooling_down", "down"] = "healthy"
    until: Timestamp | None = Field(default=None, exclude_if=absent)
    why: str | None = Field(default=None, exclude_if=absent)


class ModelList(Contract):
    items: list[ModelView]


class ReportPending(Contract):
    status: Literal["pending"] = "pending"


class Check(Contract):
    """Whether one thing answers."""

    service: str
    status: Literal["up", "down"]
    latency_ms: float | None = None
    error: str | None = None


class LeftAlone(Contract):
    """A model that is left alone `until` then, and why: a kind of failure, and a sentence."""

    model: str
    until: Timestamp
    family: FailureFamily
    why: str


class ProviderCheck(Check):
    """Whether a provider answers (`status`), and how well (`health`).

    It is `degraded` while a call failed of late or a model of its is left alone; `family` is of its last failure.
    """

    health: Literal["healthy", "degraded", "down"]
    family: FailureFamily | None = Field(default=None, exclude_if=absent)
    breakers: list[LeftAlone] = Field(default_factory=list, exclude_if=absent)


class Instance(Contract):
    pid: int | None
    at: Timestamp


class ServiceHealth(Contract):
    """A service by the heartbeats of its processes; `down` where none was heard of late."""

    service: str
    status: Literal["up", "down"]
    last_heartbeat_at: Timestamp | None
    instances: list[Instance]


class LettersOfLate(Contract):
    """How much work was given up of late: `GET /api/admin/dead-letters` says what, and why."""

    last_hour: int


class HealthView(Contract):
    """`deadLetters` is null where the broker does not say."""

    status: Literal["healthy", "degraded", "down"]
    timestamp: Timestamp
    broker: Check
    store: Check
    services: list[ServiceHealth]
    dead_letters: LettersOfLate | None = None


class AiHealthView(Contract):
    status: Literal["healthy", "degraded", "down"]
    timestamp: Timestamp
    checks: list[ProviderCheck]


class Alive(Contract):
    status: str
