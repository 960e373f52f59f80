"""A provider that answers what no provider should: half answers, odd types, torn characters, the key itself.

Each call gets one of `support.hostile_answers`, by the seed. What must hold: every run ends, nothing is bought again
and again, and the key stands nowhere.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from chaos.ledger import Call
from support import byte_provider as wire
from support.hostile_answers import LATE, hostile_answers

NAME = "hostile"
MODELS = {tier: f"hostile-{tier}" for tier in ("fast", "standard", "premium")}
RETRIES = 2
"""What the policy allows after a failed call of a generation, and more than an exception of our own may cost."""


def registry_entry(base_url: str, key_variable: str) -> dict[str, Any]:
    """What a registry says of it: an ordinary provider, with a model of every tier."""
    model = {"contextWindow": 32_000, "maxOutputTokens": 4_096, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
    models = {name: model | {"tier": tier} for tier, name in MODELS.items()}
    return {
        "baseUrl": base_url,
        "keyVariable": key_variable,
        "concurrency": 16,
        "liveConcurrency": 4,
        "models": models,
    }


@asynccontextmanager
async def hostile_provider(seed: int, key: str, ledger: list[Call], moment: Callable[[], float]) -> AsyncIterator[str]:
    """One that listens at the base URL it yields, and writes down what it is asked; `key` is what it is sent."""
    random = Random(f"hostile provider of {seed}")
    # Silence is what the proxies play; here it would only hold up whoever waits for its time limits.
    scripts = [script for script, outcome in hostile_answers(key).values() if outcome != LATE]

    def answer(call: wire.Call) -> wire.Script:
        ledger.append(Call(call.headers.get("x-client-request-id"), moment(), call.model, prompt_tokens=0))
        return random.choice(scripts)

    async with wire.byte_provider(answer) as listening:
        yield listening.base_url
