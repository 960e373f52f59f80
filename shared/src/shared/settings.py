"""Fragments of settings. A service composes those it needs; `app.py` reads them once and hands values down."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Fragment(BaseSettings):
    """Reads `AGENTWARS_<FIELD>` from the environment; all errors are shown at the start."""

    model_config = SettingsConfigDict(env_prefix="AGENTWARS_", extra="ignore", frozen=True, hide_input_in_errors=True)


class NatsSettings(Fragment):
    """Where the broker is."""

    nats_url: str = "nats://127.0.0.1:4222"
    nats_replicas: int = 1
    events_max_age_hours: float = 72.0
    events_max_bytes: int = 4 * 1024**3


class MongoSettings(Fragment):
    """Where the store is; `store_timeout_seconds` bounds every operation."""

    mongo_url: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    mongo_database: str = "agentwars"
    store_timeout_seconds: float = 5.0


class LogSettings(Fragment):
    """How much is logged, and whether for people or machines."""

    log_level: str = "INFO"
    log_format: str = "json"


class HealthSettings(Fragment):
    """Where a worker answers /healthz and /readyz; port 0 picks a free one, -1 none at all."""

    health_host: str = "127.0.0.1"
    health_port: int = -1


class LimitSettings(Fragment):
    """Defaults and ceilings of what may be asked (docs/api.md, "Limits"). Both budgets are a conversation's."""

    message_limit: int = 25
    message_limit_ceiling: int = 25
    runs_ceiling: int = 10
    battle_budget_usd: float = 0.05
    scale_budget_usd: float = 0.05
    conversation_time_limit_seconds: float = 1800.0
    run_time_limit_seconds: float = 7200.0
    turn_max_tokens: int = 2000
    assist_max_tokens: int = 1000
    temperature: float = 0.7
    judge_confidence: float = 0.8
    expected_output_tokens: int = 200
    reserved_output_tokens: int = 600


class ChatSettings(Fragment):
    """How much of a chat its model is shown, and when what is old is summed up; in tokens (docs/api.md, "Limits")."""

    chat_window_tokens: int = Field(default=8000, ge=500)
    summary_starts_tokens: int = Field(default=6000, ge=200)
