"""Which provider and model answer: pure functions over the registry."""

from shared.routing.registry import ModelEntry, ProviderEntry, Registry, load_registry
from shared.routing.router import Chain, Route, Router, UnknownModel

__all__ = [
    "Chain",
    "ModelEntry",
    "ProviderEntry",
    "Registry",
    "Route",
    "Router",
    "UnknownModel",
    "load_registry",
]
