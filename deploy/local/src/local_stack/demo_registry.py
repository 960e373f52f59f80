"""The provider registry that holds the demo model: to the product, one more OpenAI-compatible URL."""

import json
from collections.abc import Sequence
from typing import Any

_LARGE = {"contextWindow": 32_000, "maxOutputTokens": 4_096}
_MODELS: dict[str, dict[str, Any]] = {
    "demo-fast": {"tier": "fast", **_LARGE, "inputUsdPerMillion": 0.10, "outputUsdPerMillion": 0.40},
    "demo-standard": {"tier": "standard", **_LARGE, "inputUsdPerMillion": 0.15, "outputUsdPerMillion": 0.60},
    "demo-premium": {"tier": "premium", **_LARGE, "inputUsdPerMillion": 1.0, "outputUsdPerMillion": 4.0},
    "demo-plain": {"tier": "fast", **_LARGE, "inputUsdPerMillion": 0.10, "outputUsdPerMillion": 0.40},
}


def demo_registry(url: str, fault_models: Sequence[str] = ()) -> str:
    """AGENTWARS_PROVIDERS for the demo model at `url` (without `/v1`).

    A fault model such as `demo-fast+500` is listed with the properties of `demo-fast`.
    Raises ValueError for a fault of no known model.
    """
    models = dict(_MODELS)
    for name in fault_models:
        model = name.partition("+")[0]
        if model not in _MODELS:
            raise ValueError(f"{name} is a fault of no demo model: they are {', '.join(_MODELS)}")
        models[name] = _MODELS[model]
    demo = {
        "baseUrl": f"{url}/v1",
        "dialect": "openai",
        "keyVariable": None,
        "concurrency": 256,
        "liveConcurrency": 32,
        "models": models,
    }
    return json.dumps({"demo": demo})
