"""The command line against a scripted gateway."""

import json
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from agentwars.commands.session import Session
from agentwars.main import cli
from unit.agentwars.scripted_gateway import RUN, ScriptedGateway, report, status, stream, whole_run

AGENT = {"id": "a1", "name": "Kettle", "version": 3, "systemPrompt": "You are kind.", "model": None, "criteria": []}


def gateway(**routes: Any) -> ScriptedGateway:
    """A gateway that plays the scripted scale test."""
    standing: dict[str, Any] = {
        "POST /api/agents": httpx.Response(201, json=AGENT),
        "GET /api/agents/a1": httpx.Response(200, json=AGENT),
        "POST /api/scale/start": httpx.Response(202, json={"id": RUN, "estimatedUsd": 0.01}),
        "POST /api/battles/start": httpx.Response(202, json={"id": RUN, "estimatedUsd": 0.01}),
        f"GET /api/runs/{RUN}/events": stream(*whole_run()),
        f"GET /api/runs/{RUN}/status": httpx.Response(200, json=status()),
        f"GET /api/runs/{RUN}/report": httpx.Response(200, json=report()),
    }
    return ScriptedGateway(standing | {name.replace("__", " "): answer for name, answer in routes.items()})


def invoke(served: ScriptedGateway, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Session(transport=served.transport))


def only_json(result: Result) -> Any:
    """The one line of standard output, as JSON."""
    (line,) = result.stdout.splitlines()
    return json.loads(line)
