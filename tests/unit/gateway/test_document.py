"""The OpenAPI document: what generated clients and tools read of the contract."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.gateway.app import DEAD_MONGO, DEAD_NATS, REGISTRY, gateway_app

Json = dict[str, Any]
RUN_FOLDERS = ("runs", "battles", "scale", "comparisons")


@pytest.fixture(scope="module")
def document() -> Json:
    app = gateway_app(DEAD_NATS, DEAD_MONGO)
    app.state.store.close()
    return app.openapi()


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Every operation with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def name_of(schema: Json) -> str:
    return str(schema.get("$ref")).rpartition("/")[2]


def answered(document: Json, path: str, method: str = "get", status: str = "200") -> Json:
    """The schema of each content type of an answer, by the name it is referred to."""
    content = document["paths"][path][method]["responses"][status]["content"]
    return {kind: name_of(held["schema"]) for kind, held in content.items()}


def test_every_operation_is_described_and_none_answers_422(document: Json) -> None:
    found = [operation for _, _, operation in operations(document)]
    assert len(found) > 40
    assert all(operation["summary"] and operation["tags"] for operation in found)
    assert "422" not in json.dumps(document)
    described = {tag["name"] for tag in document["tags"]}
    assert {tag for operation in found for tag in operation["tags"]} == described


def test_every_operation_has_a_name_that_a_person_would_give_it(document: Json) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+[A-Za-z]*", name) for name in names)
    assert not [name for name in names if "Api" in name or name.endswith(("Get", "Post", "Put", "Delete"))]
    assert {"startBattle", "getRunStatus", "getScaleTestReport", "listConversationMessages", "cancelRun"} <= set(names)


def test_every_error_has_the_shape_of_its_path(document: Json) -> None:
    for path, _, operation in operations(document):
        shape = "Refusal" if path.startswith("/v1/") else "ErrorBody"
        for status in ("4XX", "5XX"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": f"#/components/schemas/{shape}"}, path


def test_a_completion_is_json_or_its_chunks(document: Json) -> None:
    assert answered(document, "/v1/chat/completions", "post") == {
        "application/json": "Completion",
        "text/event-stream": "CompletionChunk",
    }
    assert answered(document, "/v1/models") == {"application/json": "Models"}


@pytest.mark.parametrize("folder", RUN_FOLDERS)
def test_a_status_is_the_same_object_in_both_of_its_forms(document: Json, folder: str) -> None:
    path = f"/api/{folder}/{{run_id}}/status"
    assert answered(document, path) == {"application/json": "StatusView", "text/event-stream": "StatusMessage"}
    schemas = document["components"]["schemas"]
    assert schemas["StatusMessage"]["properties"] == schemas["StatusView"]["properties"]
    assert set(document["paths"][path]["get"]["responses"]) >= {"200", "204", "304"}


@pytest.mark.parametrize("folder", RUN_FOLDERS)
def test_a_report_is_json_or_an_export(document: Json, folder: str) -> None:
    kinds = set(answered(document, f"/api/{folder}/{{run_id}}/report"))
    exports = {"text/markdown", "text/html", "text/csv", "application/x-ndjson", "application/xml"}
    assert kinds == {"application/json", *exports}


def test_every_event_stream_says_what_its_messages_hold(document: Json) -> None:
    streams = [
        (path, content["text/event-stream"]["schema"]["$ref"].rpartition("/")[2])
        for path, _, operation in operations(document)
        for response in operation["responses"].values()
        if "text/event-stream" in (content := response.get("content", {}))
    ]
    assert len(streams) > 15
    assert all(name in document["components"]["schemas"] for _, name in streams)
    schemas = document["components"]["schemas"]
    kinds = [schemas[name_of(one)]["properties"]["type"] for one in schemas["StreamedEvent"]["anyOf"]]
    events = {word for kind in kinds for word in kind.get("enum", [kind.get("const")])}
    assert {"delta", "message", "run.paused", "run.ended", "snapshot", "gap"} <= events


def test_json_stands_first_where_an_answer_may_be_json(document: Json) -> None:
    for path, _, operation in operations(document):
        for response in operation["responses"].values():
            kinds = list(response.get("content", {}))
            assert "application/json" not in kinds[1:], path


def test_no_enum_holds_more_than_plain_values(document: Json) -> None:
    """Generators of clients fail on others."""

    def look(value: Any) -> None:
        if isinstance(value, dict):
            assert all(isinstance(one, str | int) for one in value.get("enum", [])), value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(inner)

    look(document["components"]["schemas"])


def test_no_parameter_may_be_null(document: Json) -> None:
    for path, _, operation in operations(document):
        assert '"null"' not in json.dumps(operation.get("parameters", [])), path


def test_the_bounds_are_those_of_this_gateway(document: Json) -> None:
    parameters = {one["name"]: one["schema"] for one in document["paths"]["/api/runs"]["get"]["parameters"]}
    assert (parameters["limit"]["maximum"], parameters["limit"]["default"]) == (500, 100)
    largest = max(model.max_output_tokens for held in REGISTRY.providers.values() for model in held.models.values())
    [asked, _] = document["components"]["schemas"]["QuestionBody"]["properties"]["maxTokens"]["anyOf"]
    assert (asked["minimum"], asked["maximum"]) == (1, largest)


def test_every_schema_bears_its_own_name(document: Json) -> None:
    """Generators that name types by their titles fail on two of one name."""
    schemas = document["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items() if schema.get("title", name) != name} == {}


def test_every_reference_leads_somewhere(document: Json) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        held: Any = document
        for part in reference.split("/"):
            held = held[part]
