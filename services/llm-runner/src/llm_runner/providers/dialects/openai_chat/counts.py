"""What a chat completion took, wherever its provider says so and whatever it calls it."""

from decimal import Decimal, InvalidOperation
from typing import Any

from llm_runner.providers.provider import TokenCount
from llm_runner.providers.received import count

Fields = dict[str, Any]
NANOS = 1_000_000_000
HIGHEST_COST_USD = 100_000


def counts_of(frame: Fields, choice: Fields | None) -> TokenCount | None:
    """The counts that stand in a frame: at its top, in Groq's corner, or in its choice (Moonshot)."""
    for place in (frame, frame.get("x_groq"), choice):
        usage = place.get("usage") if isinstance(place, dict) else None
        if isinstance(usage, dict) and (counted := _counted(usage)) != TokenCount():
            return counted
    return None


def _counted(usage: Fields) -> TokenCount:
    prompt, completion = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = count(_detail(usage, "completion_tokens_details", "reasoning_tokens"))
    total = count(usage.get("total_tokens"))
    if total is not None and prompt is not None and completion is not None and total - prompt > completion:
        # Thoughts that are billed as output and stand in the sum alone (Gemini, xAI).
        reasoning, completion = reasoning or total - prompt - completion, total - prompt
    cached = count(_detail(usage, "prompt_tokens_details", "cached_tokens"))
    if cached is None:
        cached = count(usage.get("prompt_cache_hit_tokens"))
    written = count(_detail(usage, "prompt_tokens_details", "cache_write_tokens"))
    return TokenCount(prompt, completion, cached, written, reasoning, _cost_nanos(usage))


def _detail(usage: Fields, details: str, name: str) -> object:
    found = usage.get(details)
    return found.get(name) if isinstance(found, dict) else None


def _cost_nanos(usage: Fields) -> int | None:
    """The provider's own figure; with a key of one's own what the host behind it takes comes on top."""
    cost = _nanos(usage.get("cost"))
    if cost is not None and usage.get("is_byok"):
        cost += _nanos(_detail(usage, "cost_details", "upstream_inference_cost")) or 0
    return cost


def _nanos(dollars: object) -> int | None:
    if isinstance(dollars, bool) or not isinstance(dollars, int | float | str):
        return None
    try:
        exact = Decimal(str(dollars))
    except InvalidOperation:
        return None
    return int(exact * NANOS) if exact.is_finite() and 0 <= exact <= HIGHEST_COST_USD else None
