"""What settings and the registry say of requests: the document shows the bounds and the models of this gateway."""

from collections.abc import Iterator
from typing import Any, Final

from gateway.settings import GatewaySettings
from shared.routing import Registry

Json = dict[str, Any]

STARTS: Final = frozenset({"BattleFields", "BattleStart", "ScaleStart", "EstimateStart"})
ANSWERED: Final = frozenset({"ChatBody", "EventsChatBody", "QuestionBody", "AssistBody"})
CALLED: Final = STARTS | ANSWERED | {"OpponentBody"}
"""What asks a model that is chosen at once: it has no more tokens than a model writes."""
NAMED: Final = CALLED | {"AgentBody", "JudgeBody"}
"""What names a model and its provider, each by a field of its own."""
WIRE: Final = frozenset({"CompletionBody"})


def add_bounds(made: Json, settings: GatewaySettings, registry: Registry) -> None:
    """Writes them into every parameter and every field of a body that has one."""
    for name, change in (_of_lists(settings) | _of_names(registry)).items():
        for parameter in _parameters(made, name):
            parameter["schema"] |= change
    for schemas, changes in (
        (STARTS, _of_starts(settings)),
        (CALLED, _of_tokens(registry, "maxTokens")),
        (WIRE, _of_tokens(registry, "max_tokens", "max_completion_tokens")),
        (NAMED, _of_names(registry)),
    ):
        for field, change in _fields(made, schemas, changes):
            _add(field, change)


def _parameters(made: Json, name: str) -> Iterator[Json]:
    for path in made["paths"].values():
        for operation in path.values():
            yield from (one for one in operation.get("parameters", ()) if (one["name"], one["in"]) == (name, "query"))


def _fields(made: Json, schemas: frozenset[str], changes: dict[str, Json]) -> Iterator[tuple[Json, Json]]:
    """Every field of the schemas that has a change, with it."""
    for name in schemas:
        fields = made["components"]["schemas"][name]["properties"]
        yield from ((fields[field], change) for field, change in changes.items() if field in fields)


def _of_lists(settings: GatewaySettings) -> dict[str, Json]:
    return {
        "limit": {"maximum": settings.list_limit_ceiling, "default": settings.list_limit},
        "wait": {"maximum": settings.wait_ceiling_seconds},
    }


def _of_starts(settings: GatewaySettings) -> dict[str, Json]:
    return {
        "messageLimit": {"maximum": settings.message_limit_ceiling},
        "battles": {"maxItems": settings.battles_ceiling},
        "runs": {"maximum": settings.runs_ceiling},
        "runCount": {"maximum": settings.runs_ceiling},
    }


def _of_tokens(registry: Registry, *fields: str) -> dict[str, Json]:
    """The most that any model writes; nothing where no model is known."""
    most = [model.max_output_tokens for provider in registry.providers.values() for model in provider.models.values()]
    return {field: {"maximum": max(most)} for field in fields} if most else {}


def _of_names(registry: Registry) -> dict[str, Json]:
    """Providers and models that can be asked for; nothing where none is known."""
    models = [name for provider in registry.providers.values() for name in provider.models]
    if not models:
        return {}
    known = {"enum": list(dict.fromkeys(models))}
    return {"provider": {"enum": list(registry.providers)}, "model": known, "strongModel": known}


def _add(field: Json, change: Json) -> None:
    """Into the field, or into what it is where it is not null."""
    for choice in field.get("anyOf", [field]):
        if choice.get("type") != "null":
            choice |= change
