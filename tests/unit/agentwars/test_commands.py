"""The command line: exit statuses, clean JSON, bodies that are sent, words that name the fix."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from agentwars.commands.session import Session
from agentwars.main import cli, global_first
from unit.agentwars.scripted_gateway import (
    RUN,
    ScriptedGateway,
    ended,
    event,
    message,
    refused,
    report,
    status,
    stream,
    whole_run,
)

FIELDS = {"fields": [{"field": "goal", "message": "is too long"}]}
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


def test_assist_prints_the_whole_text() -> None:
    told = (event("token", token="You "), event("token", token="are."), event("done", text="You are.", usage={}))
    served = ScriptedGateway({"POST /api/promptbro/assist": stream(*told)})
    result = invoke(served, "assist", "rewrite", "--input", "be nice", "--tone", "calm")
    assert (result.exit_code, result.stdout) == (0, "You are.\n")
    sent = served.body("/api/promptbro/assist")
    assert sent == {"step": "rewrite", "input": "be nice", "context": {"tone": "calm"}}


def test_assist_keeps_what_was_written() -> None:
    served = ScriptedGateway(
        {
            "POST /api/promptbro/assist": stream(event("done", text="You are.", usage={})),
            "POST /api/promptbro/save": httpx.Response(201, json={"id": "a1", "name": "Kettle", "version": 4}),
        }
    )
    result = invoke(served, "assist", "rewrite", "--input", "be nice", "--save-agent", "a1")
    assert (result.exit_code, result.stdout) == (0, "You are.\n")
    assert served.body("/api/promptbro/save") == {"as": "agent", "agentId": "a1", "text": "You are."}
    assert "Kept as agent Kettle (a1), version 4." in result.stderr


def reported(**changes: Any) -> ScriptedGateway:
    """A gateway whose PromptBro writes from a report."""
    written = stream(event("done", text="You are kind.\n- Confirm the refund.", usage={}))
    routes = {
        "POST /api/promptbro/assist": written,
        "POST /api/promptbro/save": httpx.Response(201, json={"id": "a1", "name": "Kettle", "version": 4}),
        "GET /api/agents/a1": httpx.Response(200, json=AGENT),
    }
    return ScriptedGateway(routes | changes)


FROM_REPORT = ("assist", "from-report", "--report-run", RUN)


@pytest.mark.parametrize("kept", [("--save-agent", "a1"), ("--save-template", "Mine")])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_was_written_from_a_report_is_not_kept_where_nobody_can_be_asked(
    kept: tuple[str, ...], form: tuple[str, ...]
) -> None:
    served = reported()
    result = invoke(served, *FROM_REPORT, *kept, *form)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert served.requests == []


def test_what_was_written_from_a_report_is_kept_by_an_explicit_yes() -> None:
    served = reported()
    assert invoke(served, *FROM_REPORT, "--save-agent", "a1", "--yes").exit_code == 0
    assert served.body("/api/promptbro/save") == {
        "as": "agent",
        "agentId": "a1",
        "text": "You are kind.\n- Confirm the refund.",
        "reportRunId": RUN,
    }


@pytest.mark.parametrize(("answer", "kept"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_the_change_is_shown_and_a_person_asked(
    answer: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentwars.commands.assist.check_terminal", lambda _: None)
    served = reported()
    session = Session(transport=served.transport)
    result = CliRunner().invoke(cli, [*FROM_REPORT, "--save-agent", "a1"], obj=session, input=answer)
    assert result.exit_code == 0
    assert "+- Confirm the refund." in result.stdout
    assert "Keep this as a new version of agent a1?" in result.stdout
    assert bool(served.asked("/api/promptbro/save")) is kept


def test_an_assist_that_fails_says_why() -> None:
    served = ScriptedGateway(
        {"POST /api/promptbro/assist": stream(event("failed", error="x", message="No model left."))}
    )
    result = invoke(served, "assist", "brief", "--input", "x")
    assert result.exit_code == 3
    assert "No model left." in result.stderr


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
