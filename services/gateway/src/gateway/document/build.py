"""Builds the document: what FastAPI reads from the routes, completed by what only this gateway knows."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from gateway.document.bounds import add_bounds
from gateway.schemas.events import EVENTS, STREAMED
from gateway.settings import GatewaySettings
from shared.routing import Registry

Json = dict[str, Any]

REFERENCE: Final = "#/components/schemas/{model}"
REQUEST_ID: Final = "X-Request-Id"
REQUEST_ID_HEADER: Final = {
    "description": "The caller's, if it sent one, or one made here: the logs have it.",
    "schema": {"type": "string"},
}
TAGS: Final = (
    ("agents", "Stored, versioned participants."),
    ("personas", "The library of simulated users."),
    ("battles", "One conversation of an agent with an opponent, or several independent ones."),
    ("scale tests", "The same battle many times, over one or more personas."),
    ("runs", "What every battle and scale test is: its status, and what is wanted of it."),
    ("conversations", "The messages of a run."),
    ("reports", "What a run taught."),
    ("event streams", "What happens, while it happens."),
    ("chat", "Chats, as the AI SDK's `useChat` holds them."),
    ("plain generations", "One question, one answer."),
    ("promptbro", "The guide for writing prompts."),
    ("prompt templates", "Stored, versioned texts that prompts are made from."),
    ("OpenAI wire format", "For any OpenAI client."),
    ("models", "What can be asked for."),
    ("access", "Tokens for the URLs of streams."),
    ("health", "Whether everything works."),
    ("operations", "Work that was given up."),
)


def operation_id(route: APIRoute) -> str:
    """What generated clients call the operation: the route's name in camelCase."""
    return to_camel(route.name)


def document(app: FastAPI, settings: GatewaySettings, registry: Registry) -> Json:
    """The document of this gateway, with the bounds of its settings and the models of its registry."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=[{"name": name, "description": description} for name, description in TAGS],
        # Under the host it was fetched from.
        servers=[{"url": "/"}],
    )
    _add_streamed(made["components"]["schemas"])
    made["components"]["headers"] = {REQUEST_ID: REQUEST_ID_HEADER}
    for operation in _operations(made):
        _say_nothing_of_null(operation.get("parameters", []))
        _say_json_first(operation["responses"])
        _add_request_id(operation["responses"])
    add_bounds(made, settings, registry)
    return made


def _operations(made: Json) -> list[Json]:
    return [operation for path in made["paths"].values() for operation in path.values()]


def _add_streamed(schemas: Json) -> None:
    """What event streams hold: no operation answers with it as JSON.

    Before OpenAPI 3.2 tools differ in what the schema of a stream describes: what `data:` holds, or the message around
    it. So no field is required: both fit.
    """
    _, found = models_json_schema([(model, "serialization") for model in STREAMED], ref_template=REFERENCE)
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)
    for model in STREAMED:
        schemas[model.__name__].pop("required", None)
    status = {key: value for key, value in schemas["StatusView"].items() if key != "required"}
    # Some generators name a type by its title.
    schemas["StatusMessage"] = status | {"title": "StatusMessage"}
    schemas["StreamedEvent"] = {
        "description": "One event of a run; `event:` says its type, too.",
        "anyOf": [{"$ref": REFERENCE.format(model=model.__name__)} for model in EVENTS],
    }


def _say_nothing_of_null(parameters: list[Json]) -> None:
    """A parameter that is left out is left out: there is no null in a query or a header."""
    for parameter in parameters:
        schema = parameter["schema"]
        choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
        if len(choices) == 1:
            del schema["anyOf"]
            parameter["schema"] = choices[0] | schema


def _say_json_first(responses: Json) -> None:
    """Generators that know one content type for an answer take the first."""
    for response in responses.values():
        if "content" in response:
            response["content"] = dict(
                sorted(response["content"].items(), key=lambda one: one[0] != "application/json")
            )


def _add_request_id(responses: Json) -> None:
    for response in responses.values():
        response.setdefault("headers", {})[REQUEST_ID] = {"$ref": f"#/components/headers/{REQUEST_ID}"}
