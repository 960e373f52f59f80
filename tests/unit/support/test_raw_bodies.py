"""The generator of raw requests: the same seed makes the same ones, in every place it should."""

import json
from typing import Any

import pytest

from support.raw_bodies import Known, Raw, RawRequests, encode, operations_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "free": {"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "null"}]},
    },
}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things/{thing_id}": {
            "put": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/Thing"}}}}},
            "get": {"parameters": [{"in": "query", "name": "since"}, {"in": "header", "name": "x-user-id"}]},
        }
    },
    "components": {"Thing": SCHEMA},
}
KNOWN = Known({"/things/{thing_id}": {"name": "kettle"}}, {"thing_id": ["t1"]})


def test_operations_have_their_bodies_and_parameters() -> None:
    put, get = operations_of(DOCUMENT)
    assert (put.method, put.body, put.query) == ("PUT", SCHEMA, ())
    assert (get.method, get.body, get.query, get.header) == ("GET", None, ("since",), ("x-user-id",))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_makes_the_same_requests(seed: int) -> None:
    first, second = (list(RawRequests(DOCUMENT, KNOWN, seed).some(200)) for _ in range(2))
    assert first == second
    assert first != list(RawRequests(DOCUMENT, KNOWN, seed + 1).some(200))
    assert {one.operation.method for one in first} == {"PUT", "GET"}


def test_what_is_hard_stands_in_free_fields_and_in_queries() -> None:
    edges = list(RawRequests(DOCUMENT, KNOWN, 1).edges())
    bodies = [one.body or b"" for one in edges if one.about == "free free"]
    assert any(b'\\ud800"' in body for body in bodies)
    assert any(body.count(b'{"a":') >= 990 for body in bodies)
    assert any("since=9999-12-31" in one.target for one in edges)
    assert {one.target.partition("?")[0] for one in edges} == {"/things/t1"}


def test_raw_values_stand_as_they_are() -> None:
    assert encode({"a": [Raw(b"NaN"), 1, "x"], "b": None}) == b'{"a":[NaN,1,"x"],"b":null}'
    assert json.loads(encode({"a": "\U0001f600"})) == {"a": "\U0001f600"}
