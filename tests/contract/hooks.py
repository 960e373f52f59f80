"""What no schema can say is made true of every request that is valid by its schema; Schemathesis loads this module.

A schema does not know which agents there are, nor that the last message of a list is to be a person's. A request that
is refused all the same is refused for something that a schema can say, and does not.
"""

import os
from collections.abc import Iterator
from typing import Any

import schemathesis

AGENT = os.environ["CONTRACT_AGENT"]
"""An agent that is there."""
SAID = {"role": "user", "content": "Hello"}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Requests that are to be refused go out as they were made; the agent of all stays."""
    if case.method == "DELETE" and AGENT in (case.path_parameters or {}).values():
        case.path_parameters["agent_id"] = "nobody"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    path = case.operation.path
    if path == "/api/llm" and case.method == "GET":
        _ask_once(case.query)
    if path == "/api/usage":
        _any_time(case.query)
    if not isinstance(case.body, dict):
        return
    for part in _objects(case.body):
        _name_what_is_there(part)
    if path.startswith(("/api/chat", "/v1/", "/api/llm")):
        _end_with_a_person(case.body)


def _ask_once(query: dict[str, Any]) -> None:
    """Either a prompt or a sid: a query has no conditions."""
    if (query.get("prompt") is None) == (query.get("sid") is None):
        query.pop("sid", None)
        query["prompt"] = query.get("prompt") or "Hello"


def _any_time(query: dict[str, Any]) -> None:
    """The last days: of two moments no schema says which comes first, nor how far apart they may be."""
    query.pop("from", None)
    query.pop("to", None)


def _name_what_is_there(part: dict[str, Any]) -> None:
    """An agent that exists, in the version it has; criteria whose ids differ."""
    if isinstance(part.get("agentId"), str):
        part |= {"agentId": AGENT} | ({"agentVersion": 1} if part.get("agentVersion") is not None else {})
    for place, criterion in enumerate(part.get("criteria") or ()):
        if isinstance(criterion, dict) and criterion.get("id") is not None:
            criterion["id"] = f"c{place + 1}"


def _end_with_a_person(body: dict[str, Any]) -> None:
    """What is to be answered stands last; nothing is there that could be answered anew."""
    if body.get("trigger") == "regenerate-message":
        body["trigger"] = "submit-message"
    if isinstance(body.get("messages"), list):
        body["messages"] = [*body["messages"], SAID]
    elif body.get("message") is None and body.get("prompt") is None and "lastContent" not in body:
        body["messages"] = [SAID]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
