"""The command line: exit statuses, bodies that are sent, words that name the fix."""

import re
from pathlib import Path

import httpx
import pytest

from agentwars.main import global_first
from unit.agentwars.command_line import AGENT, gateway, invoke
from unit.agentwars.scripted_gateway import RUN, ScriptedGateway, event, refused, report, status, stream, whole_run

FIELDS = {"fields": [{"field": "goal", "message": "is too long"}]}


def test_a_scale_test_shows_its_facts_and_its_report() -> None:
    served = gateway()
    result = invoke(served, "scale", "run", "a1", "--runs", "2", "--persona", "refund-request", "--seed", "7")
    assert result.exit_code == 0
    assert served.body("/api/scale/start") == {"agentId": "a1", "runs": 2, "personas": ["refund-request"], "seed": 7}
    assert "#1 ended ✓ goal after 2 messages" in result.stdout
    assert "50 %  1 of 2 reached the goal" in result.stdout


@pytest.mark.parametrize(("wanted", "code"), [("0.5", 0), ("0.51", 1)])
def test_min_success_decides_the_exit_status(wanted: str, code: int) -> None:
    result = invoke(gateway(), "scale", "run", "a1", "--runs", "2", "--min-success", wanted)
    assert result.exit_code == code
    assert ("✓ at least" if code == 0 else "✗ below 51 %: 50 %") in result.stdout


def test_a_rate_that_nobody_knows_is_below_what_is_asked() -> None:
    bare = report(stats={"total": 2, "successRate": None})
    served = gateway(**{f"GET__/api/runs/{RUN}/report": httpx.Response(200, json=bare)})
    assert invoke(served, "scale", "run", "a1", "--min-success", "0").exit_code == 1


@pytest.mark.parametrize("outcome", ["failed", "canceled"])
def test_a_run_that_failed_is_no_success(outcome: str) -> None:
    ended = stream(event("run.ended", 1, **status(status=outcome)))
    served = gateway(**{f"GET__/api/runs/{RUN}/events": ended})
    assert invoke(served, "scale", "run", "a1").exit_code == 1


@pytest.mark.parametrize(
    ("answer", "code", "advice"),
    [
        (refused(400, "invalid_request", details=FIELDS), 2, "goal: is too long"),
        (refused(402, "budget_exceeded", estimatedUsd=0.3, maxBudgetUsd=0.1), 2, "estimated $0.3, allowed $0.1"),
        (refused(402, "budget_exceeded", estimatedUsd=0.31234567, maxBudgetUsd=0.1), 2, "--max-budget 0.3124"),
        (refused(404, "not_found"), 2, "agentwars runs list"),
        (refused(409, "conflict"), 2, "No."),
        (refused(401, "unauthorized"), 2, "--key"),
        (refused(429, "rate_limited"), 3, "Try again"),
        (refused(503, "unavailable"), 3, "make up"),
    ],
)  # fmt: skip
def test_refusals_exit_by_their_kind_and_say_what_to_do(answer: httpx.Response, code: int, advice: str) -> None:
    result = invoke(ScriptedGateway({f"GET /api/runs/{RUN}/status": answer}), "runs", "show", RUN)
    assert (result.exit_code, result.stdout) == (code, "")
    assert advice in result.stderr


def _nobody(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def test_no_gateway_is_status_three_and_names_the_fix() -> None:
    result = invoke(ScriptedGateway({"GET /api/runs": _nobody}), "runs", "list")
    assert result.exit_code == 3
    assert "Is the stack running? Start it with: make up" in " ".join(result.stderr.split())


def test_an_interrupt_leaves_the_run_and_says_how_to_go_on() -> None:
    def interrupted(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    served = gateway(**{f"GET__/api/runs/{RUN}/events": interrupted})
    result = invoke(served, "scale", "run", "a1")
    assert result.exit_code == 130
    assert f"agentwars watch {RUN}" in result.stderr
    assert f"agentwars runs cancel {RUN}" in result.stderr
    assert not [request for request in served.requests if request.url.path.endswith("/cancel")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("scale", "run"),
        ("scale", "run", "a1", "--prompt", "You are."),
        ("battle", "run", "a1", "--persona", "p", "--opponent", "a2"),
        ("agents", "create", "Name"),
        ("agents", "update", "a1"),
        ("scale", "run", "a1", "--min-success", "80"),
        ("assist", "poem", "--input", "x"),
        ("assist", "brief"),
    ],
)
def test_bad_usage_is_status_two_and_asks_nothing(arguments: tuple[str, ...]) -> None:
    served = gateway()
    assert invoke(served, *arguments).exit_code == 2
    assert served.requests == []


def test_an_address_that_is_none_is_status_two() -> None:
    assert invoke(gateway(), "--url", "nonsense", "runs", "list").exit_code == 2


def test_a_prompt_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("You are from a file.\n", encoding="utf-8")
    served = gateway()
    invoke(served, "scale", "run", "--prompt-file", str(tmp_path / "prompt.md"), "--name", "Filed")
    assert served.body("/api/agents") == {"name": "Filed", "systemPrompt": "You are from a file.\n"}
    assert served.body("/api/scale/start")["agentId"] == "a1"


def test_a_refused_start_takes_the_agent_of_its_prompt_back() -> None:
    refusal = refused(400, "invalid_request", "runs: must be at most 10", details={"fields": []})
    served = gateway(**{"POST__/api/scale/start": refusal, "DELETE__/api/agents/a1": httpx.Response(204)})
    result = invoke(served, "scale", "run", "--prompt", "You are.", "--runs", "99")
    assert result.exit_code == 2
    assert [request.method for request in served.requests] == ["POST", "POST", "DELETE"]


def test_a_battle_sends_what_was_asked_and_says_how_it_ended() -> None:
    over = status(kind="battle", total=1, goalReached=True, endedReason="goal", currentTurn=2)
    served = gateway(**{f"GET__/api/runs/{RUN}/events": stream(*whole_run()[1:3], event("run.ended", 9, **over))})
    arguments = ("--persona", "refund-request", "--goal", "A refund", "--message", "Hi", "--judge-model", "j")
    result = invoke(served, "battle", "run", "a1", *arguments, "--max-budget", "0.2", "--message-limit", "4")
    assert served.body("/api/battles/start") == {
        "agentId": "a1",
        "opponent": {"personaId": "refund-request"},
        "goal": "A refund",
        "userMessage": "Hi",
        "judge": {"model": "j"},
        "maxBudgetUsd": 0.2,
        "messageLimit": 4,
    }
    assert "✓ goal reached · 2 messages · $0.0042 of $0.10" in result.stdout


def test_an_update_keeps_what_was_not_given() -> None:
    served = gateway(**{"PUT__/api/agents/a1": httpx.Response(200, json=AGENT | {"version": 4})})
    assert invoke(served, "agents", "update", "a1", "--model", "m").exit_code == 0
    sent = served.body("/api/agents/a1")
    assert sent == {"name": "Kettle", "systemPrompt": "You are kind.", "criteria": [], "model": "m"}


def test_a_report_that_is_not_there_yet_is_status_one() -> None:
    served = gateway(**{f"GET__/api/runs/{RUN}/report": httpx.Response(202, json={"status": "pending"})})
    result = invoke(served, "report", RUN)
    assert result.exit_code == 1
    assert f"agentwars watch {RUN}" in result.stdout


def test_a_report_in_another_format_is_written_as_it_came() -> None:
    served = gateway(**{f"GET__/api/runs/{RUN}/report": httpx.Response(200, text="<testsuite/>\n")})
    result = invoke(served, "report", RUN, "--format", "junit")
    assert (result.stdout, served.requests[-1].url.params["format"]) == ("<testsuite/>\n", "junit")


def test_the_demo_falls_back_to_the_first_model_and_ends_with_what_to_try() -> None:
    served = gateway(
        **{
            "GET__/readyz": httpx.Response(200, json={"status": "ready"}),
            "GET__/api/models": httpx.Response(200, json={"items": [{"name": "gpt", "provider": "openai"}]}),
            "GET__/api/personas": httpx.Response(200, json={"items": [{"id": f"p{n}", "name": "P"} for n in range(4)]}),
        }
    )
    result = invoke(served, "demo")
    assert result.exit_code == 0
    sent = served.body("/api/scale/start")
    assert (sent["runs"], sent["messageLimit"], sent["model"]) == (10, 12, "gpt")
    assert sent["personas"] == ["p0", "p1", "p2"]
    assert [line for line in result.stdout.splitlines() if line][-2].startswith("Next: make up")


def test_the_demo_fails_without_a_written_report() -> None:
    bare = httpx.Response(200, json=report(status="unavailable", reason="no model"))
    served = gateway(
        **{
            "GET__/readyz": httpx.Response(200),
            "GET__/api/models": httpx.Response(200, json={"items": [{"name": "demo-standard", "provider": "demo"}]}),
            "GET__/api/personas": httpx.Response(200, json={"items": [{"id": "p", "name": "P"}]}),
            f"GET__/api/runs/{RUN}/report": bare,
        }
    )
    assert invoke(served, "demo").exit_code == 1


def test_nothing_is_coloured_off_a_terminal() -> None:
    assert not re.search("\x1b", invoke(gateway(), "report", RUN).stdout)


def test_global_options_stand_anywhere() -> None:
    assert global_first(["runs", "list", "--json", "--url", "u"]) == ["--json", "--url", "u", "runs", "list"]
    assert global_first(["a", "--url=u", "--", "--json"]) == ["--url=u", "a", "--", "--json"]
