"""The registry and the estimates."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from shared.contracts.enums import Lane, Purpose, Tier
from shared.contracts.routes import RouteWish
from shared.routing import ModelEntry, ProviderEntry, Registry, Router, UnknownModel, load_registry
from shared.routing.estimates import (
    expected_calls,
    judge_prompt_tokens,
    reserved_nanos,
    turn_prompt_tokens,
)
from support.builders import ADDRESS, AGENT, JUDGE, registry, run, scenario

MODELS = {
    "small": ModelEntry(tier=Tier.FAST),
    "middle": ModelEntry(tier=Tier.STANDARD),
    "large": ModelEntry(tier=Tier.PREMIUM, input_usd_per_million=2, output_usd_per_million=8),
}
TWO = Registry(
    providers={
        "one": ProviderEntry(base_url=ADDRESS, models=MODELS),
        "two": ProviderEntry(base_url=ADDRESS, concurrency=6, live_concurrency=2, models={"own": ModelEntry()}),
    }
)

NAMED = [("one", "large"), ("two", "own")]


@given(concurrency=some.integers(2, 500), live=some.integers(1, 500))
def test_shares_of_the_lanes_add_up_and_leave_none_without(concurrency: int, live: int) -> None:
    provider = ProviderEntry(base_url=ADDRESS, concurrency=concurrency, live_concurrency=live, models={})
    shares = [provider.lane_limit(lane) for lane in Lane]
    assert sum(shares) == concurrency
    assert min(shares) >= 1


@pytest.mark.parametrize(
    ("provider", "model", "tier", "found"),
    [
        (None, None, None, "one/middle"),
        (None, None, Tier.PREMIUM, "one/large"),
        ("two", None, Tier.PREMIUM, "two/own"),
        (None, "own", None, "two/own"),
        ("one", "small", Tier.PREMIUM, "one/small"),
    ],
)
def test_route_is_the_named_model_or_the_first_of_its_tier(
    provider: str | None, model: str | None, tier: Tier | None, found: str
) -> None:
    chain = Router(TWO).routes(RouteWish(provider=provider, model=model, tier=tier))
    assert [str(route) for route in chain] == [found]
    assert chain[0].entry is TWO.providers[chain[0].provider].models[chain[0].model]


@pytest.mark.parametrize(
    ("provider", "model", "sentence"),
    [
        ("one", "own", "one/own is not in the registry; known: one/small, one/middle, one/large, two/own"),
        (None, "gpt", "gpt is not in the registry; known: "),
        ("three", None, "three is not in the registry; known: "),
    ],
)
def test_unknown_model_is_told_with_what_is_known(provider: str | None, model: str | None, sentence: str) -> None:
    with pytest.raises(UnknownModel) as told:
        Router(TWO).routes(RouteWish(provider=provider, model=model))
    assert str(told.value).startswith(sentence)


def test_beside_a_model_stands_its_providers_fast_one_or_none_but_itself() -> None:
    router = Router(TWO)
    beside = [router.fast_beside(RouteWish(provider=one, model=model)) for one, model in NAMED]
    assert [str(chain[0]) for chain in beside] == ["one/small", "two/own"]
    with pytest.raises(UnknownModel):
        router.fast_beside(RouteWish(provider="three", model="own"))


@pytest.mark.parametrize(
    ("name", "wish"),
    [
        ("large", RouteWish(model="large")),
        ("two/own", RouteWish(provider="two", model="own")),
        ("premium", RouteWish(tier=Tier.PREMIUM)),
        ("a/slash", RouteWish(model="a/slash")),
        ("fast", RouteWish(model="fast")),
        ("nobody/own", RouteWish(model="nobody/own")),
    ],
)
def test_name_alone_means_a_model_before_a_provider_and_a_provider_before_a_tier(name: str, wish: RouteWish) -> None:
    hub = ProviderEntry(base_url=ADDRESS, models={"a/slash": ModelEntry(), "fast": ModelEntry(), "own": ModelEntry()})
    router = Router(Registry(providers={**TWO.providers, "a": TWO.providers["two"], "hub": hub}))
    assert router.wish_of(name) == wish


def test_model_of_two_providers_is_the_first_ones_unless_one_is_named() -> None:
    router = Router(Registry(providers={"one": TWO.providers["two"], "two": TWO.providers["two"]}))
    wishes = [RouteWish(model="own"), RouteWish(provider="two", model="own"), RouteWish(tier=Tier.STANDARD)]
    assert [str(router.first(wish)) for wish in wishes] == ["one/own", "two/own", "one/own"]
    assert [router.has("two", "own"), router.has("two", "large")] == [True, False]


def test_empty_registry_says_that_it_knows_none() -> None:
    with pytest.raises(UnknownModel, match="any model is not in the registry; known: none"):
        Router(Registry(providers={})).routes(RouteWish())


@pytest.mark.parametrize("name", ["a.b", "a b", "a>", "*", "", "-"])
def test_provider_name_that_would_break_a_subject_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="may hold letters, digits, - and _ only"):
        Registry(providers={name: ProviderEntry(base_url=ADDRESS, models={})})


def test_registry_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    providers = {"lab-1": {"baseUrl": ADDRESS, "liveConcurrency": 3, "models": {"m": {"tier": "premium"}}}}
    monkeypatch.setenv("AGENTWARS_PROVIDERS", json.dumps(providers))
    loaded = load_registry()
    assert loaded.known() == ["lab-1/m"]
    assert Router(loaded).first(RouteWish(model="m")).entry.tier is Tier.PREMIUM


def test_ceiling_of_a_run_is_half_of_its_tightest_lane() -> None:
    assert TWO.half_lane({"one", "two"}, Lane.BATCH) == 2
    assert TWO.half_lane({"one"}, Lane.BATCH) == 12


def test_price_is_counted_in_whole_nanos() -> None:
    assert MODELS["large"].cost_nanos(1000, 100) == 2_800_000
    assert MODELS["large"].usage(1000, 100).cost_nanos == 2_800_000


def test_reserve_holds_the_prompt_and_the_lesser_output() -> None:
    route = Router(registry()).first(RouteWish(model="demo-fast"))
    reserves = [reserved_nanos(route, most, 100, 600) for most in (50, 2000)]
    assert reserves == [150_000, 700_000]


def test_prompts_grow_with_the_transcript() -> None:
    settings = scenario(judge=JUDGE)
    grown = turn_prompt_tokens(settings, 5, 200) - turn_prompt_tokens(settings, 3, 200)
    judged = judge_prompt_tokens(settings, 4, 200) - judge_prompt_tokens(settings, 2, 200)
    assert (grown, judged) == (400, 400)


def test_run_is_expected_to_need_its_messages_its_judges_and_its_report() -> None:
    wanted = run(total=3, played=scenario(message_limit=4, judge=JUDGE)).settings
    calls = list(expected_calls(Router(registry()), wanted.model_copy(update={"report": AGENT}), 200))
    counted = {purpose: sum(call.purpose is purpose for call in calls) for purpose in Purpose}
    assert {purpose: count for purpose, count in counted.items() if count} == {
        Purpose.TURN: 12,
        Purpose.JUDGE: 6,
        Purpose.REPORT: 1,
    }
    assert all(call.cost_nanos == 1000 * (call.prompt_tokens + call.completion_tokens) for call in calls)


AS_EVER = """
{
  "openai": {
    "baseUrl": "https://api.openai.com/v1",
    "dialect": "openai",
    "keyVariable": "OPENAI_API_KEY",
    "concurrency": 32,
    "liveConcurrency": 8,
    "models": {
      "gpt-4o-mini": {
        "tier": "fast",
        "contextWindow": 128000,
        "maxOutputTokens": 16384,
        "inputUsdPerMillion": 0.15,
        "outputUsdPerMillion": 0.60
      },
      "plain": {}
    }
  },
  "near-by_2": {"baseUrl": "http://127.0.0.1:9/v1", "keyVariable": null, "models": {"own": {"tier": "premium"}}}
}
"""


def test_the_providers_of_the_first_version_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """People have them in their environments (docs/upgrading.md): what they wrote keeps its meaning."""
    monkeypatch.setenv("AGENTWARS_PROVIDERS", AS_EVER)
    named, near = load_registry().providers["openai"], load_registry().providers["near-by_2"]
    assert (named.base_url, named.key_variable) == ("https://api.openai.com/v1", "OPENAI_API_KEY")
    assert (named.concurrency, named.live_concurrency) == (32, 8)
    small, plain = named.models["gpt-4o-mini"], named.models["plain"]
    assert (small.tier, small.context_window, small.max_output_tokens) == (Tier.FAST, 128_000, 16_384)
    assert (small.cost_nanos(1_000_000, 0), small.cost_nanos(0, 1_000_000)) == (150_000_000, 600_000_000)
    assert (plain.tier, plain.context_window, plain.cost_nanos(1, 1)) == (Tier.STANDARD, 128_000, 0)
    assert (near.key_variable, near.concurrency, near.models["own"].tier) == (None, 32, Tier.PREMIUM)
