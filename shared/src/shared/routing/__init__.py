"""Which provider and model answer: pure functions over the registry."""

from shared.routing.registry import (
    ModelEntry,
    ProviderEntry,
    Registry,
    Route,
    UnknownModel,
    load_registry,
)

__all__ = ["ModelEntry", "ProviderEntry", "Registry", "Route", "UnknownModel", "load_registry"]
