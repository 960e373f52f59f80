"""What a call costs: the provider's counts, the registry's prices."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from llm_runner.attempt import Attempt
from llm_runner.call_deadline import CallDeadline, CallLimits
from llm_runner.providers.provider import ProviderFailure
from shared.contracts.transcript import Usage, UsageView
from shared.routing import ModelEntry
from support.provider_cases.case import (
    JSON,
    MODEL,
    PROMPT,
    PROVIDER,
    UNPRICED,
    Case,
    CutProvider,
    Expected,
    ndjson,
    sse,
)

CACHING = ModelEntry(
    input_usd_per_million=3,
    output_usd_per_million=15,
    cache_write_usd_per_million=3.75,
    cached_input_usd_per_million=0.30,
)
CACHED = ModelEntry(input_usd_per_million=2, cached_input_usd_per_million=0.5, output_usd_per_million=8)
PLAIN = ModelEntry(input_usd_per_million=2, output_usd_per_million=8)
FREE = ModelEntry(input_usd_per_million=0, output_usd_per_million=0)
HALF = ModelEntry(input_usd_per_million=2)
UNTOLD = dict.fromkeys(("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"))


@dataclass(frozen=True)
class Priced:
    """The usage a provider reports in its dialect, and what the call took."""

    number: str
    model: ModelEntry
    reported: dict[str, Any] | None
    micros: float
    prompt: int
    completion: int
    dialect: str = "openai"
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    unknown: int = 0

    @property
    def usage(self) -> Usage:
        return Usage(
            prompt_tokens=self.prompt,
            completion_tokens=self.completion,
            cost_nanos=round(self.micros * 1000),
            cache_read_tokens=self.cache_read,
            cache_write_tokens=self.cache_write,
            reasoning_tokens=self.reasoning,
            cost_unknown_calls=self.unknown,
        )


ANTHROPICS = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 1000,
    "cache_read_input_tokens": 2000,
    "output_tokens": 100,
}
OPENAIS = {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 800}, "completion_tokens": 50}
DEEPSEEKS = {
    "prompt_tokens": 1000,
    "prompt_cache_hit_tokens": 800,
    "prompt_cache_miss_tokens": 200,
    "completion_tokens": 50,
}
COUNTED = {"prompt_tokens": 1000, "completion_tokens": 50}
THOUGHT = COUNTED | {"completion_tokens_details": {"reasoning_tokens": 40}}
UPSTREAM = {"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}
TABLE = (
    Priced("CO-01", CACHING, ANTHROPICS, 5880, 3010, 100, "anthropic", cache_read=2000, cache_write=1000),
    Priced("CO-01 cache unpriced", PLAIN, ANTHROPICS, 6820, 3010, 100, "anthropic", cache_read=2000, cache_write=1000),
    Priced("CO-02", CACHED, OPENAIS, 1200, 1000, 50, cache_read=800),
    Priced("CO-02 DeepSeek", CACHED, DEEPSEEKS, 1200, 1000, 50, cache_read=800),
    Priced("CO-02 cache unpriced", PLAIN, OPENAIS, 2400, 1000, 50, cache_read=800),
    Priced("CO-02 nothing cached", CACHED, COUNTED, 2400, 1000, 50),
    Priced("CO-02 reasoning is output", PLAIN, THOUGHT, 2400, 1000, 50, reasoning=40),
    Priced("CO-04", CACHED, OPENAIS | {"cost": 0.0123}, 12_300, 1000, 50, cache_read=800),
    Priced("CO-04 own key", PLAIN, COUNTED | UPSTREAM, 21_000, 1000, 50),
    Priced("CO-04 of an unknown price", UNPRICED, COUNTED | {"cost": 0.0123}, 12_300, 1000, 50),
    Priced("CO-04 nothing", PLAIN, COUNTED | {"cost": 0}, 0, 1000, 50),
    Priced("CO-05", UNPRICED, COUNTED, 0, 1000, 50, unknown=1),
    Priced("CO-05 anthropic", UNPRICED, {"input_tokens": 9, "output_tokens": 4}, 0, 9, 4, "anthropic", unknown=1),
    Priced("CO-05 half", HALF, COUNTED, 2000, 1000, 50, unknown=1),
    Priced("CO-05 free is no unknown price", FREE, COUNTED, 0, 1000, 50),
    Priced("CO-05 ollama", UNPRICED, {"prompt_eval_count": 7, "eval_count": 3}, 0, 7, 3, "ollama", unknown=1),
)


def streamed(dialect: str, reported: dict[str, Any] | None) -> bytes:
    """An answer in pieces that ends with these counts."""
    if dialect == "anthropic":
        began = {name: value for name, value in (reported or {}).items() if name in UNTOLD} | {"output_tokens": 1}
        return sse(
            {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": began}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": reported or {}},
            {"type": "message_stop"},
        )
    if dialect == "ollama":
        told = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
        return ndjson({"message": {"role": "assistant", "content": "Hello"}, "done": False}, told | (reported or {}))
    return sse(
        {"choices": [{"index": 0, "delta": {"content": "Hello"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        *([{"choices": [], "usage": reported}] if reported else []),
        "[DONE]",
    )


def whole(dialect: str, reported: dict[str, Any] | None) -> bytes:
    """The same as one object."""
    if dialect == "anthropic":
        body = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]}
        return ndjson(body | {"stop_reason": "end_turn", "usage": reported})
    if dialect == "ollama":
        told = {"message": {"role": "assistant", "content": "Hello"}, "done": True, "done_reason": "stop"}
        return ndjson(told | (reported or {}))
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    return ndjson({"object": "chat.completion", "choices": [choice], "usage": reported})


async def attempted(dialect: str, model: ModelEntry, body: bytes, content_type: str = "") -> Attempt:
    """An attempt that got these bytes, however it ended."""
    case = Case("cost", body, Expected(), dialect, content_type, "https://provider.example/v1")
    attempt = Attempt(CutProvider(case, pieces(body), model), MODEL, PROMPT, 1)
    try:
        await attempt.call(CallDeadline(PROVIDER, CallLimits(60, 60, 60)), None)
    except ProviderFailure:
        assert not attempt.finish_reason
    return attempt


def pieces(body: bytes) -> Iterable[bytes]:
    return [body[place : place + 7] for place in range(0, len(body), 7)]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.number)
async def test_a_call_costs_what_its_counts_and_prices_say(row: Priced) -> None:
    attempt = await attempted(row.dialect, row.model, streamed(row.dialect, row.reported))
    assert (attempt.text, attempt.usage, attempt.estimated) == ("Hello", row.usage, False)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.number)
async def test_co_03_a_whole_answer_costs_what_a_streamed_one_does(row: Priced) -> None:
    attempt = await attempted(row.dialect, row.model, whole(row.dialect, row.reported), JSON)
    assert (attempt.text, attempt.usage, attempt.estimated) == ("Hello", row.usage, False)


@pytest.mark.parametrize("model", [PLAIN, UNPRICED])
async def test_what_is_not_counted_is_estimated_and_marked(model: ModelEntry) -> None:
    attempt = await attempted("openai", model, streamed("openai", None))
    assert attempt.estimated
    usage = attempt.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (1, 2)
    assert (usage.cost_nanos, usage.cost_unknown_calls) == ((18_000, 0) if model is PLAIN else (0, 1))


async def test_a_count_that_is_missing_is_estimated_alone() -> None:
    attempt = await attempted("openai", PLAIN, streamed("openai", {"prompt_tokens": 1000}))
    assert attempt.estimated
    assert (attempt.usage.prompt_tokens, attempt.usage.completion_tokens) == (1000, 2)


async def test_co_07_a_cut_answer_costs_what_had_been_counted() -> None:
    body = sse({"choices": [{"index": 0, "delta": {"content": "Hello"}}], "usage": COUNTED})
    attempt = await attempted("openai", PLAIN, body)
    assert (attempt.usage.cost_nanos, attempt.estimated) == (2_400_000, False)


async def test_more_cached_than_read_costs_no_less_than_nothing() -> None:
    reported = OPENAIS | {"prompt_tokens": 100}
    assert (await attempted("openai", CACHED, streamed("openai", reported))).usage.cost_nanos == 800_000


def test_what_is_not_there_is_not_shown_and_sums_add_every_field() -> None:
    plain = Usage(prompt_tokens=1, completion_tokens=2, cost_nanos=3_000_000)
    assert UsageView.of(plain).model_dump(by_alias=True) == {
        "promptTokens": 1,
        "completionTokens": 2,
        "costUsd": 0.003,
    }
    both = plain + Usage(cost_unknown_calls=1, cache_read_tokens=4, cache_write_tokens=5, reasoning_tokens=6)
    shown = UsageView.of(both + both).model_dump(by_alias=True)
    assert (shown["costUnknownCalls"], shown["cacheReadTokens"]) == (2, 8)
    assert (shown["cacheWriteTokens"], shown["reasoningTokens"], shown["costUsd"]) == (10, 12, 0.006)


def test_usage_that_was_stored_before_is_read() -> None:
    stored = {"prompt_tokens": 1, "completion_tokens": 2, "cost_nanos": 3}
    assert Usage.model_validate(stored).model_dump() == stored
