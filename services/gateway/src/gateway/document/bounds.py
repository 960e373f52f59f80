"""Bounds that settings and the registry move: the document says those of this gateway."""

from collections.abc import Iterator
from typing import Any

from gateway.settings import GatewaySettings
from shared.routing import Registry

Json = dict[str, Any]


def add_bounds(made: Json, settings: GatewaySettings, registry: Registry) -> None:
    """Writes them into every parameter and every field of a body that has one."""
    for name, changes in _of_parameters(settings, registry).items():
        for parameter in _parameters(made, name):
            parameter["schema"] |= changes
    fields = _of_fields(settings) | _of_registry(registry)
    for name, schema in made["components"]["schemas"].items():
        for field, changes in fields.items():
            if name in REQUESTS and field in schema.get("properties", {}):
                _add(schema["properties"][field], changes)


REQUESTS = frozenset(
    {
        "AgentBody",
        "AssistBody",
        "BattleFields",
        "BattleStart",
        "ChatBody",
        "CompletionBody",
        "EstimateStart",
        "EventsChatBody",
        "JudgeBody",
        "OpponentBody",
        "QuestionBody",
        "ScaleStart",
    }
)


def _parameters(made: Json, name: str) -> Iterator[Json]:
    for path in made["paths"].values():
        for operation in path.values():
            yield from (one for one in operation.get("parameters", ()) if one["name"] == name)


def _of_parameters(settings: GatewaySettings, registry: Registry) -> dict[str, Json]:
    return {
        "limit": {"maximum": settings.list_limit_ceiling, "default": settings.list_limit},
        "wait": {"maximum": settings.wait_ceiling_seconds},
    }


def _of_fields(settings: GatewaySettings) -> dict[str, Json]:
    return {
        "messageLimit": {"maximum": settings.message_limit_ceiling},
        "battles": {"maxItems": settings.battles_ceiling},
        "runs": {"maximum": settings.runs_ceiling},
        "runCount": {"maximum": settings.runs_ceiling},
    }


def _of_registry(registry: Registry) -> dict[str, Json]:
    """Nothing where no model is known."""
    models = [model for provider in registry.providers.values() for model in provider.models.values()]
    if not models:
        return {}
    most = {"maximum": max(model.max_output_tokens for model in models)}
    return dict.fromkeys(("maxTokens", "max_tokens", "max_completion_tokens"), most)


def _add(field: Json, changes: Json) -> None:
    """Into the field, or into what it is when it is not null."""
    for choice in field.get("anyOf", [field]):
        if choice.get("type") != "null":
            choice |= changes
