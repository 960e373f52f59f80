"""The registry of providers and models, from settings. It names where a key is found, never the key."""

from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.contracts.enums import Lane, Tier
from shared.contracts.model import Contract
from shared.contracts.transcript import Usage
from shared.durations import Seconds
from shared.settings import Fragment


class ModelEntry(Contract):
    """One model: its tier, window and bounds in tokens, and prices in dollars per million tokens.

    `known_as` is what it is called wherever it is hosted, its own name where that is the same; `fallback` names, as
    `provider/model`, who answers for it when it fails, in this order. `first_token_seconds` is how long it may take to
    its first token where that is not as long as any may (one that is loaded when it is asked).
    """

    tier: Tier = Tier.STANDARD
    known_as: str | None = None
    fallback: tuple[str, ...] = ()
    first_token_seconds: Seconds | None = Field(default=None, gt=0, le=600)
    context_window: int = 128_000
    max_output_tokens: int = 4096
    input_usd_per_million: float = 0.0
    output_usd_per_million: float = 0.0

    def cost_nanos(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Whole nano-dollars: a dollar per million tokens is 1,000 nano-dollars per token."""
        return round(
            1000 * (prompt_tokens * self.input_usd_per_million + completion_tokens * self.output_usd_per_million)
        )

    def usage(self, prompt_tokens: int, completion_tokens: int) -> Usage:
        return Usage(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost_nanos=self.cost_nanos(prompt_tokens, completion_tokens),
        )


class ProviderEntry(Contract):
    """Who is called. `key_variable` names the environment variable of llm-runner that holds the key.

    `dialect` is the wire format it is called in: llm-runner knows which there are, and ends at its start at any other.
    `concurrency` is how many calls may be in flight over all replicas, `live_concurrency` the part of it that is
    kept for people who wait.
    """

    base_url: str
    dialect: str = "openai"
    key_variable: str | None = None
    concurrency: int = Field(default=32, ge=2)
    live_concurrency: int = Field(default=8, ge=1)
    models: dict[str, ModelEntry]

    def lane_limit(self, lane: Lane) -> int:
        """A lane's share of the concurrency; the shares add up to it."""
        live = min(self.live_concurrency, self.concurrency - 1)
        return live if lane is Lane.LIVE else self.concurrency - live


OPENAI: dict[str, Any] = {
    "baseUrl": "https://api.openai.com/v1",
    "keyVariable": "OPENAI_API_KEY",
    "models": {
        "gpt-4o-mini": {
            "tier": "fast",
            "contextWindow": 128_000,
            "maxOutputTokens": 16_384,
            "inputUsdPerMillion": 0.15,
            "outputUsdPerMillion": 0.60,
        },
        "gpt-4.1-mini": {
            "tier": "standard",
            "contextWindow": 1_000_000,
            "maxOutputTokens": 32_768,
            "inputUsdPerMillion": 0.40,
            "outputUsdPerMillion": 1.60,
        },
        "gpt-4.1": {
            "tier": "premium",
            "contextWindow": 1_000_000,
            "maxOutputTokens": 32_768,
            "inputUsdPerMillion": 2.00,
            "outputUsdPerMillion": 8.00,
        },
    },
}


class Registry(Fragment):
    """Every provider by name; `AGENTWARS_PROVIDERS` is a JSON object of them."""

    model_config = SettingsConfigDict(env_prefix="AGENTWARS_", extra="ignore", frozen=True)

    providers: dict[str, ProviderEntry] = Field(
        default_factory=lambda: {"openai": ProviderEntry.model_validate(OPENAI)}
    )

    @field_validator("providers")
    @classmethod
    def _names_fit_subjects(cls, providers: dict[str, ProviderEntry]) -> dict[str, ProviderEntry]:
        for name in providers:
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"provider name {name!r} may hold letters, digits, - and _ only")
        return providers

    def known(self) -> list[str]:
        """Every `provider/model`, in the registry's order."""
        return [f"{name}/{model}" for name, provider in self.providers.items() for model in provider.models]

    def half_lane(self, providers: set[str], lane: Lane) -> int:
        """Half of the tightest lane limit: what a run has at once at most (docs/architecture.md)."""
        return max(1, min(self.providers[name].lane_limit(lane) for name in providers) // 2)


def load_registry() -> Registry:
    """The registry of this process's environment."""
    return Registry()
