"""The provider registry that holds the demo model: to the product, a provider for each dialect it is called in."""

import json
from collections.abc import Sequence
from typing import Any, Final

_LARGE = {"contextWindow": 32_000, "maxOutputTokens": 4_096}
_MODELS: dict[str, dict[str, Any]] = {
    "demo-fast": {"tier": "fast", **_LARGE, "inputUsdPerMillion": 0.10, "outputUsdPerMillion": 0.40},
    "demo-standard": {"tier": "standard", **_LARGE, "inputUsdPerMillion": 0.15, "outputUsdPerMillion": 0.60},
    "demo-premium": {"tier": "premium", **_LARGE, "inputUsdPerMillion": 1.0, "outputUsdPerMillion": 4.0},
    "demo-plain": {"tier": "fast", **_LARGE, "inputUsdPerMillion": 0.10, "outputUsdPerMillion": 0.40},
}
_PROVIDERS: Final = {
    "openai": ("demo", "openai", "/v1"),
    "anthropic": ("demo-anthropic", "anthropic", "/v1"),
    "ollama": ("demo-ollama", "ollama", ""),
    "gemini": ("demo-gemini", "openai", "/v1beta/openai"),
}
"""By what the demo model speaks: the provider's name, its dialect, and where its base URL goes on."""
OPENAI: Final = ("openai",)
DEMO_DIALECTS: Final = tuple(_PROVIDERS)


def demo_registry(url: str, fault_models: Sequence[str] = (), dialects: Sequence[str] = OPENAI) -> str:
    """AGENTWARS_PROVIDERS for the demo model at `url` (without a path): a provider for each of `dialects`.

    A fault model such as `demo-fast+500` is listed with the properties of `demo-fast`.
    Raises ValueError for a fault of no known model.
    """
    models = dict(_MODELS)
    for name in fault_models:
        model = name.partition("+")[0]
        if model not in _MODELS:
            raise ValueError(f"{name} is a fault of no demo model: they are {', '.join(_MODELS)}")
        models[name] = _MODELS[model]
    shared = {"keyVariable": None, "concurrency": 256, "liveConcurrency": 32, "models": models}
    providers = [_PROVIDERS[spoken] for spoken in dialects]
    return json.dumps(
        {name: {"baseUrl": url + path, "dialect": dialect, **shared} for name, dialect, path in providers}
    )
