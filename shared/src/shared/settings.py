"""Fragments of settings. A service composes those it needs; `app.py` reads them once and hands values down.

The text below a field is what docs/settings.md says of it.
"""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.durations import Hours, Seconds


class Fragment(BaseSettings):
    """Reads `AGENTWARS_<FIELD>` from the environment; all errors are shown at the start."""

    model_config = SettingsConfigDict(
        env_prefix="AGENTWARS_", extra="ignore", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class NatsSettings(Fragment):
    """Where the broker is, and what its streams keep."""

    nats_url: str = "nats://127.0.0.1:4222"
    """Where the broker is."""
    nats_client: Literal["quick", "plain"] = "quick"
    """`quick` takes short ways through nats-py; `plain` is nats-py as it is, should a version of it have moved them."""
    nats_replicas: int = 1
    """How many servers of the broker's cluster keep each stream. Read by the bootstrap."""
    events_max_age_hours: Hours = 72.0
    """How long events of runs are kept on the broker. Read by the bootstrap; a plain number is hours."""
    events_max_bytes: int = 4 * 1024**3
    """How many bytes of events are kept on the broker; the oldest go first. Read by the bootstrap."""


class MongoSettings(Fragment):
    """Where the store is, and how long it may take."""

    mongo_url: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    """Where the store is: a replica set, be it of one."""
    mongo_database: str = "agentwars"
    """The database that holds everything."""
    store_timeout_seconds: Seconds = 5.0
    """How long one operation of the store may take."""


class LogSettings(Fragment):
    """How much is logged, and whether for people or machines."""

    log_level: str = "INFO"
    """The least level that is logged: `DEBUG`, `INFO`, `WARNING`, `ERROR`."""
    log_format: str = "json"
    """`json`, a line of JSON each; anything else is for people."""


class HealthSettings(Fragment):
    """Where a worker answers /healthz and /readyz."""

    health_host: str = "127.0.0.1"
    """The address at which `/healthz` and `/readyz` are answered."""
    health_port: int = -1
    """The port of `/healthz` and `/readyz`; 0 takes a free one, -1 opens none."""


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker reads from its environment, once, beside the registry."""

    nats: NatsSettings = field(default_factory=NatsSettings)
    mongo: MongoSettings = field(default_factory=MongoSettings)
    health: HealthSettings = field(default_factory=HealthSettings)


class ExpectedOutputSettings(Fragment):
    """How much a model is thought to write, before it has (docs/protocol.md section 8)."""

    expected_output_tokens: int = 200
    """Output tokens of a call as estimates expect them, and as those of a call whose process died are booked."""


class ReservedOutputSettings(Fragment):
    """How much of a model's output a budget puts aside, before it is written (docs/protocol.md section 8)."""

    reserved_output_tokens: int = 600
    """Output tokens of a call that a budget reserves, at most as many as the call may have."""


class LimitSettings(ExpectedOutputSettings, ReservedOutputSettings):
    """Defaults and ceilings of what may be asked (docs/api.md, "Limits"). Both budgets are a conversation's."""

    message_limit: int = 25
    """Messages of a conversation where a start says nothing."""
    message_limit_ceiling: int = 25
    """The most messages a start may ask for in a conversation."""
    runs_ceiling: int = 10
    """The most conversations a scale test may have."""
    battle_budget_usd: float = 0.05
    """What a battle may cost, in dollars a conversation, where a start says nothing."""
    scale_budget_usd: float = 0.05
    """What a scale test may cost, in dollars a conversation, where a start says nothing."""
    conversation_time_limit_seconds: Seconds = 1800.0
    """How long a conversation may take where a start says nothing."""
    run_time_limit_seconds: Seconds = 7200.0
    """How long a run may take; longer where a start gives a conversation longer."""
    turn_max_tokens: int = 2000
    """The most tokens of a message of a battle where neither start nor agent says."""
    assist_max_tokens: int = 1000
    """The most tokens of an answer of PromptBro."""
    temperature: float = 0.7
    """The temperature of a model where neither request nor agent says."""
    judge_confidence: float = 0.8
    """How sure a judge must be, from 0 to 1, for a goal to count as reached."""


class ChatSettings(Fragment):
    """How much of a chat its model is shown, and when what is old is summed up (docs/api.md, "Limits")."""

    chat_window_tokens: int = Field(default=8000, ge=500)
    """How much of a chat its model is shown, in tokens."""
    summary_starts_tokens: int = Field(default=6000, ge=200)
    """From how many tokens on the older part of a chat is summed up."""
