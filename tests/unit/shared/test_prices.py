"""Prices that nobody said."""

import pytest

from shared.contracts.enums import Tier
from shared.routing import ModelEntry, ProviderEntry, Registry, Route
from shared.routing.estimates import reserved_nanos
from shared.routing.prices import is_own_endpoint

KNOWN = ModelEntry(tier=Tier.FAST, input_usd_per_million=1, output_usd_per_million=9)
DEARER = ModelEntry(tier=Tier.FAST, input_usd_per_million=2, output_usd_per_million=4)
UNKNOWN = {tier.value: ModelEntry(tier=tier) for tier in (Tier.FAST, Tier.PREMIUM)}


def registry(base_url: str) -> Registry:
    """A priced provider beside one that says no prices."""
    priced = ProviderEntry(base_url="https://one.example/v1", models={"known": KNOWN, "dearer": DEARER})
    return Registry(providers={"one": priced, "two": ProviderEntry(base_url=base_url, models=UNKNOWN)})


@pytest.mark.parametrize(
    ("base_url", "own"),
    [
        ("http://127.0.0.1:11434", True),
        ("http://[::1]:8080/v1", True),
        ("http://localhost:1234/v1", True),
        ("http://192.168.1.9/v1", True),
        ("http://ollama:11434", True),
        ("http://gpu.internal/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
        ("http://[::1", False),
    ],
)
def test_an_endpoint_is_ones_own_by_its_address(base_url: str, own: bool) -> None:
    assert is_own_endpoint(base_url) == own


def test_a_model_of_ones_own_endpoint_is_free_unless_it_is_priced() -> None:
    models = registry("http://localhost:11434").providers["two"].models
    assert [(one.priced, one.usage(10, 10).cost_unknown_calls) for one in models.values()] == [(True, 0)] * 2
    provider = ProviderEntry(base_url="http://127.0.0.1/v1", models={"m": KNOWN})
    assert provider.models["m"].usage(1, 1).cost_nanos == 10_000


def test_co_05_an_unknown_price_is_reserved_as_the_dearest_known_one_of_its_tier() -> None:
    models = registry("https://two.example/v1").providers["two"].models
    fast, premium = models["fast"], models["premium"]
    assert (fast.priced, fast.usage(10, 1).cost_nanos, fast.usage(10, 1).cost_unknown_calls) == (False, 0, 1)
    assert reserved_nanos(Route("two", "fast", fast), 100, 10, 1) == 1000 * (10 * 2 + 9)
    # No other model of its tier is known: the dearest of all.
    assert premium.expected_nanos(10, 1) == 1000 * (10 * 2 + 9)
    assert registry("https://two.example/v1").providers["one"].models["known"].expected_nanos(1, 1) == 10_000
