"""What llm-runner can be told; defaults are those of docs/api.md, "Limits"."""

from dataclasses import dataclass, field

from pydantic import Field

from shared.contracts.enums import Lane, Purpose, Tier
from shared.durations import Seconds
from shared.settings import ChatSettings, ExpectedOutputSettings, Fragment, ReservedOutputSettings, WorkerSettings


class SlotSettings(Fragment):
    """How many jobs one process holds at once, for each provider and lane."""

    runner_batch_slots: int = Field(default=256, ge=1)
    """Jobs of battles and scale tests that one process holds at once, for each provider."""
    runner_live_slots: int = Field(default=256, ge=1)
    """Jobs of people who wait that one process holds at once, for each provider."""
    runner_stop_seconds: Seconds = 10.0
    """How long calls in flight may take when the process stops; then others repeat them."""

    def slots(self, lane: Lane) -> int:
        return self.runner_live_slots if lane is Lane.LIVE else self.runner_batch_slots


class CallSettings(Fragment):
    """How long a call may take, phase by phase, and how often its text is published."""

    call_connect_seconds: Seconds = Field(default=5.0, gt=0, le=600)
    """How long a connection to a provider may take."""
    call_first_token_seconds: Seconds = Field(default=30.0, gt=0, le=600)
    """How long a provider may take to its first token."""
    call_between_tokens_seconds: Seconds = Field(default=20.0, gt=0, le=600)
    """How long a provider may be silent between two tokens."""
    call_total_seconds: Seconds = Field(default=300.0, gt=0, le=600)
    """How long a whole call may take."""
    call_assist_total_seconds: Seconds = Field(default=60.0, gt=0, le=600)
    """How long a whole call of PromptBro, `/api/llm` or `/v1` may take."""
    delta_interval_seconds: Seconds = Field(default=0.03, gt=0)
    """How often the text of an answer is published while it is written; the first token goes at once."""

    def total(self, purpose: Purpose) -> float:
        """Seconds a whole call of this purpose may take."""
        return self.call_assist_total_seconds if purpose is Purpose.ASSIST else self.call_total_seconds


class RetrySettings(Fragment):
    """How often a generation is tried again after a provider failed, by the tier of its model, or after a crash."""

    retries_fast: int = Field(default=2, ge=0, le=5)
    """How often a generation of a model of the tier `fast` is tried again after its provider failed."""
    retries_standard: int = Field(default=2, ge=0, le=5)
    """The same, of the tier `standard`."""
    retries_premium: int = Field(default=1, ge=0, le=5)
    """The same, of the tier `premium`."""
    attempts_lost_limit: int = Field(default=10, ge=1)
    """After how many attempts that died with their process a generation is given up."""
    backoff_first_seconds: Seconds = Field(default=0.5, gt=0)
    """How long the first retry waits; each one after it waits twice as long, up to 8s."""
    backoff_in_queue_seconds: Seconds = Field(default=5.0, gt=0)
    """The longest wait that is spent in the queue; a longer one is scheduled."""

    def retries(self, tier: Tier) -> int:
        return {Tier.FAST: self.retries_fast, Tier.STANDARD: self.retries_standard}.get(tier, self.retries_premium)


class BreakerSettings(Fragment):
    """When a model at a provider is left alone, and for how long."""

    breaker_failures: int = Field(default=5, ge=1)
    """After how many failures in a row a model at a provider is left alone."""
    breaker_window_seconds: Seconds = Field(default=60.0, gt=0)
    """Within how long these have to come."""
    breaker_open_seconds: Seconds = Field(default=30.0, gt=0)
    """How long it is left alone; then one call tries it."""
    breaker_probe_seconds: Seconds = Field(default=60.0, gt=0)
    """How long the one call that tries it may take before another may."""
    breaker_billing_seconds: Seconds = Field(default=300.0, gt=0)
    """How long it is left alone when its account is empty."""
    retry_hint_longest_seconds: Seconds = Field(default=120.0, gt=0)
    """The longest wait that is granted to a provider that asks for one; if it asks for more, it is left alone."""


class OutputSettings(ExpectedOutputSettings, ReservedOutputSettings):
    """How much a model is thought to write, and what is put aside for it."""


@dataclass(frozen=True)
class RunnerSettings(WorkerSettings):
    """Everything the process reads from its environment, once, beside the registry and the keys."""

    slots: SlotSettings = field(default_factory=SlotSettings)
    calls: CallSettings = field(default_factory=CallSettings)
    retries: RetrySettings = field(default_factory=RetrySettings)
    breakers: BreakerSettings = field(default_factory=BreakerSettings)
    chats: ChatSettings = field(default_factory=ChatSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
