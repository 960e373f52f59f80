"""--json: clean JSON on standard output, whatever happens."""

import json

import httpx
import pytest

from unit.agentwars.command_line import gateway, invoke, only_json
from unit.agentwars.scripted_gateway import RUN, ScriptedGateway, message, report


@pytest.mark.parametrize(
    "arguments",
    [
        ("scale", "run", "a1", "--runs", "2"),
        ("scale", "run", "--prompt", "You are.", "--name", "N"),
        ("battle", "run", "a1"),
        ("runs", "show", RUN),
        ("report", RUN),
        ("agents", "show", "a1"),
        ("agents", "create", "N", "--prompt", "You are."),
        ("scale", "run", "a1", "--detach"),
    ],
)
def test_json_prints_one_object_and_nothing_else(arguments: tuple[str, ...]) -> None:
    result = invoke(gateway(), *arguments, "--json")
    assert result.exit_code == 0
    assert isinstance(only_json(result), dict)


def test_json_of_a_run_is_its_final_status_with_its_report() -> None:
    answered = only_json(invoke(gateway(), "--json", "scale", "run", "a1"))
    assert (answered["status"], answered["usage"]["costUsd"]) == ("complete", 0.0042)
    assert answered["report"] == report()


def test_json_with_follow_is_one_line_an_event() -> None:
    result = invoke(gateway(), "scale", "run", "a1", "--json", "--follow")
    told = [json.loads(line)["type"] for line in result.stdout.splitlines()]
    assert (told[0], told[-1], len(told)) == ("run.started", "run.ended", 9)


def test_json_errors_stand_on_standard_error() -> None:
    result = invoke(ScriptedGateway({}), "runs", "show", RUN, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert json.loads(result.stderr)["error"] == "not_found"


def test_json_is_ascii_whatever_a_model_wrote() -> None:
    page = {"messages": [message(1, 1, "\x1b[31m\x9b\u202e€")], "hasMore": False}
    served = ScriptedGateway({f"GET /api/conversations/{RUN}-1/messages": httpx.Response(200, json=page)})
    result = invoke(served, "runs", "messages", f"{RUN}-1", "--json")
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    assert only_json(result)["items"][0]["content"] == "\x1b[31m\x9b\u202e€"
