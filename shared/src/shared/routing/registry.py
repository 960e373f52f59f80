"""The registry of providers and models, from settings. It names where a key is found, never the key."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from shared.contracts.enums import Lane, Tier
from shared.contracts.model import Contract
from shared.contracts.transcript import Usage
from shared.durations import Seconds
from shared.routing.prices import NO_PRICES, Prices, dearest, is_own_endpoint
from shared.settings import Fragment

Price = Annotated[float | None, Field(default=None, ge=0)]
"""Dollars per million tokens; None is unknown."""


class ModelEntry(Contract):
    """One model: its tier, window and bounds in tokens, and prices in dollars per million tokens.

    `known_as` is what it is called wherever it is hosted, its own name where that is the same; `fallback` names, as
    `provider/model`, who answers for it when it fails, in this order. `first_token_seconds` is how long it may take to
    its first token where that is not as long as any may (one that is loaded when it is asked).

    A price that is not said is unknown, 0 is free. What the provider's cache is read and written for has prices of
    its own where they are said, else costs as any other input. `assumed` are prices that a registry says stand for
    unknown ones where something is reserved.
    """

    tier: Tier = Tier.STANDARD
    known_as: str | None = None
    fallback: tuple[str, ...] = ()
    first_token_seconds: Seconds | None = Field(default=None, gt=0, le=600)
    context_window: int = 128_000
    max_output_tokens: int = 4096
    input_usd_per_million: Price = None
    output_usd_per_million: Price = None
    cached_input_usd_per_million: Price = None
    cache_write_usd_per_million: Price = None
    assumed: Prices = NO_PRICES

    @property
    def prices(self) -> Prices | None:
        """What is read and what is written for, where both are known."""
        read, written = self.input_usd_per_million, self.output_usd_per_million
        return None if read is None or written is None else Prices(read, written)

    @property
    def priced(self) -> bool:
        """Whether it is known what a call costs."""
        return self.prices is not None

    def cost_nanos(self, prompt_tokens: int, completion_tokens: int, cache_read: int = 0, cache_write: int = 0) -> int:
        """Whole nano-dollars as far as prices are known: a dollar per million tokens is 1,000 nano-dollars per token.

        Tokens of the cache are parts of the prompt.
        """
        usual = self.input_usd_per_million or 0.0
        read, write = self.cached_input_usd_per_million, self.cache_write_usd_per_million
        plain = max(0, prompt_tokens - cache_read - cache_write)
        return round(
            1000
            * (
                plain * usual
                + cache_read * (usual if read is None else read)
                + cache_write * (usual if write is None else write)
                + completion_tokens * (self.output_usd_per_million or 0.0)
            )
        )

    def expected_nanos(self, prompt_tokens: int, completion_tokens: int) -> int:
        """What such a call may cost, for what is reserved before it: unknown prices are as `assumed`."""
        return self._or(self.assumed).cost_nanos(prompt_tokens, completion_tokens)

    def or_free(self) -> "ModelEntry":
        """The model where nothing is billed that has no price."""
        return self._or(NO_PRICES)

    def _or(self, prices: Prices) -> "ModelEntry":
        if self.priced:
            return self
        names = ("input_usd_per_million", "output_usd_per_million")
        said = {name: price for name, price in zip(names, prices, strict=True) if getattr(self, name) is None}
        return self.model_copy(update=said)

    def usage(
        self,
        prompt_tokens: int,
        completion_tokens: int,
        *,
        cache_read: int = 0,
        cache_write: int = 0,
        reasoning: int = 0,
        reported_nanos: int | None = None,
    ) -> Usage:
        """What one call took, with its price: the provider's own figure where it `reported` one."""
        cost = reported_nanos
        if cost is None:
            cost = self.cost_nanos(prompt_tokens, completion_tokens, cache_read, cache_write)
        return Usage(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost_nanos=cost,
            cache_read_tokens=cache_read,
            cache_write_tokens=cache_write,
            reasoning_tokens=reasoning,
            cost_unknown_calls=0 if self.priced or reported_nanos is not None else 1,
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

    @field_validator("models")
    @classmethod
    def _own_endpoints_are_free(cls, models: dict[str, ModelEntry], info: ValidationInfo) -> dict[str, ModelEntry]:
        if not is_own_endpoint(info.data.get("base_url", "")):
            return models
        return {name: model.or_free() for name, model in models.items()}

    def assuming(self, tiers: Mapping[Tier, Prices], of_all: Prices) -> "ProviderEntry":
        """The provider with what its unknown prices are assumed to be."""
        models = {
            name: model if model.priced else model.model_copy(update={"assumed": tiers.get(model.tier, of_all)})
            for name, model in self.models.items()
        }
        return self.model_copy(update={"models": models})

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
            "cachedInputUsdPerMillion": 0.075,
            "outputUsdPerMillion": 0.60,
        },
        "gpt-4.1-mini": {
            "tier": "standard",
            "contextWindow": 1_000_000,
            "maxOutputTokens": 32_768,
            "inputUsdPerMillion": 0.40,
            "cachedInputUsdPerMillion": 0.10,
            "outputUsdPerMillion": 1.60,
        },
        "gpt-4.1": {
            "tier": "premium",
            "contextWindow": 1_000_000,
            "maxOutputTokens": 32_768,
            "inputUsdPerMillion": 2.00,
            "cachedInputUsdPerMillion": 0.50,
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

    @field_validator("providers")
    @classmethod
    def _unknown_prices_are_assumed(cls, providers: dict[str, ProviderEntry]) -> dict[str, ProviderEntry]:
        """As the dearest known one of the tier, else as the dearest of all."""
        models = [model for provider in providers.values() for model in provider.models.values()]
        known = [(model.tier, prices) for model in models if (prices := model.prices)]
        tiers = {tier: dearest(one for of, one in known if of is tier) for tier, _ in known}
        of_all = dearest(one for _, one in known)
        return {name: provider.assuming(tiers, of_all) for name, provider in providers.items()}

    def known(self) -> list[str]:
        """Every `provider/model`, in the registry's order."""
        return [f"{name}/{model}" for name, provider in self.providers.items() for model in provider.models]

    def half_lane(self, providers: set[str], lane: Lane) -> int:
        """Half of the tightest lane limit: what a run has at once at most (docs/architecture.md)."""
        return max(1, min(self.providers[name].lane_limit(lane) for name in providers) // 2)


def load_registry() -> Registry:
    """The registry of this process's environment."""
    return Registry()
