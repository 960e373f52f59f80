"""What llm-runner can be told; defaults are those of docs/api.md, "Limits"."""

from dataclasses import dataclass, field

from pydantic import Field

from shared.contracts.words import Lane, Purpose, Tier
from shared.settings import ChatSettings, Fragment, HealthSettings, MongoSettings, NatsSettings


class SlotSettings(Fragment):
    """How many jobs one process holds at once, for each provider and lane."""

    runner_batch_slots: int = Field(default=256, ge=1)
    runner_live_slots: int = Field(default=256, ge=1)
    runner_stop_seconds: float = 10.0

    def slots(self, lane: Lane) -> int:
        return self.runner_live_slots if lane is Lane.LIVE else self.runner_batch_slots


class CallSettings(Fragment):
    """How long a call may take, phase by phase, and how often its text is published; all in seconds."""

    call_connect_seconds: float = Field(default=5.0, gt=0, le=600)
    call_first_token_seconds: float = Field(default=30.0, gt=0, le=600)
    call_between_tokens_seconds: float = Field(default=20.0, gt=0, le=600)
    call_total_seconds: float = Field(default=300.0, gt=0, le=600)
    call_assist_total_seconds: float = Field(default=60.0, gt=0, le=600)
    delta_interval_seconds: float = Field(default=0.03, gt=0)

    def total(self, purpose: Purpose) -> float:
        """Seconds a whole call of this purpose may take."""
        return self.call_assist_total_seconds if purpose is Purpose.ASSIST else self.call_total_seconds


class RetrySettings(Fragment):
    """How often a generation is tried again after a provider failed, by the tier of its model, or after a crash."""

    retries_fast: int = Field(default=2, ge=0, le=5)
    retries_standard: int = Field(default=2, ge=0, le=5)
    retries_premium: int = Field(default=1, ge=0, le=5)
    attempts_lost_limit: int = Field(default=10, ge=1)
    backoff_first_seconds: float = Field(default=0.5, gt=0)
    backoff_in_queue_seconds: float = Field(default=5.0, gt=0)

    def retries(self, tier: Tier) -> int:
        return {Tier.FAST: self.retries_fast, Tier.STANDARD: self.retries_standard}.get(tier, self.retries_premium)


@dataclass(frozen=True)
class RunnerSettings:
    """Everything the process reads from its environment but the registry and the keys."""

    nats: NatsSettings = field(default_factory=NatsSettings)
    mongo: MongoSettings = field(default_factory=MongoSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    slots: SlotSettings = field(default_factory=SlotSettings)
    calls: CallSettings = field(default_factory=CallSettings)
    retries: RetrySettings = field(default_factory=RetrySettings)
    chats: ChatSettings = field(default_factory=ChatSettings)
