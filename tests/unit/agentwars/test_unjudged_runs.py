"""A run without goal and criteria, on the command line: nobody judges it, and that is said before the start."""

import httpx
import pytest

from unit.agentwars.command_line import gateway, invoke
from unit.agentwars.scripted_gateway import RUN, ended, event, report, status, stream, whole_run

UNJUDGED = httpx.Response(200, json={"estimatedUsd": 0.01, "judged": False})
NO_CRITERIA = {"POST__/api/estimates": UNJUDGED}


@pytest.mark.parametrize("command", ["scale", "battle"])
@pytest.mark.parametrize("agent", [["a1"], ["--prompt", "You are."]])
def test_a_run_that_nobody_judges_is_told_before_the_start(command: str, agent: list[str]) -> None:
    served = gateway(**NO_CRITERIA)
    result = invoke(served, command, "run", *agent, "--detach")
    assert result.exit_code == 0
    assert "Nobody judges this run" in result.stdout
    assert "statistics only" in result.stdout


@pytest.mark.parametrize("command", ["scale", "battle"])
@pytest.mark.parametrize("agent", [["a1"], ["--prompt", "You are."]])
def test_a_success_rate_of_what_nobody_judges_is_refused_before_the_start(command: str, agent: list[str]) -> None:
    served = gateway(**NO_CRITERIA)
    result = invoke(served, command, "run", *agent, "--min-success", "0.8")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--goal TEXT" in result.stderr
    assert {request.url.path for request in served.requests} <= {"/api/estimates"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--goal", "A refund"], False),
        (["--persona", "refund-request"], False),
        (["--persona", "You are Ada."], True),
        (["--persona", "You are Ada.", "--persona", "refund-request"], False),
    ],
)
def test_a_goal_or_a_persona_of_the_library_is_judged(arguments: list[str], said: bool) -> None:
    served = gateway(**NO_CRITERIA)
    result = invoke(served, "scale", "run", "a1", *arguments, "--detach")
    assert ("Nobody judges" in result.stdout) is said


def test_a_run_that_nobody_judged_reached_no_goal_and_missed_none() -> None:
    events = [event("conversation.ended", n, **(ended(n, reached=False) | {"goalReached": None})) for n in (1, 2)]
    ready = event("report.ready", 8, status="ready", reason="unjudged", successRate=None)
    bare = report(reason="unjudged", summary=None, revisedPrompt=None, failureModes=[], stats={"total": 2})
    routes = {
        f"GET__/api/runs/{RUN}/events": stream(*whole_run()[:1], *events, ready, event("run.ended", 9, **status())),
        f"GET__/api/runs/{RUN}/report": httpx.Response(200, json=bare),
    }
    result = invoke(gateway(**routes), "scale", "run", "a1", "--runs", "2")
    assert "2 of 2 ended, none judged" in result.stdout
    assert "report ready: statistics only, nobody judged" in result.stdout
    assert "nobody judged: the run had neither a goal nor criteria" in result.stdout
    assert "reached the goal" not in result.stdout
