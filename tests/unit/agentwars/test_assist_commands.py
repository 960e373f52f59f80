"""What PromptBro wrote, on the command line: printed, and kept where a person said so."""

from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from agentwars.commands.session import Session
from agentwars.main import cli
from unit.agentwars.command_line import AGENT, invoke
from unit.agentwars.scripted_gateway import RUN, ScriptedGateway, event, stream


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
