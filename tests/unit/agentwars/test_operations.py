"""The commands for what went wrong: retries and dead letters."""

import json
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from agentwars.commands.session import Session
from agentwars.main import cli
from unit.agentwars.scripted_gateway import RUN, ScriptedGateway, refused

LETTERS = "/api/admin/dead-letters"
ITEM = {
    "id": "7",
    "kind": "generation",
    "at": "2026-11-21T10:00:00.000Z",
    "error": {"code": "provider_error", "message": "It answered\x1b[2J 500."},
    "runId": RUN,
    "key": f"{RUN}-1:3:turn",
}
WHOLE = ITEM | {"subject": "dlq.generation", "payload": {"type": "generation.given-up", "job": {"seq": 3}}}


def gateway(**changes: Any) -> ScriptedGateway:
    replayed = {"id": "7", "runId": RUN, "subject": "llm.do.demo.batch", "messageId": "m", "duplicate": False}
    return ScriptedGateway(
        {
            f"GET {LETTERS}": httpx.Response(200, json={"items": [ITEM], "nextCursor": None}),
            f"GET {LETTERS}/7": httpx.Response(200, json=WHOLE),
            f"POST {LETTERS}/7/replay": httpx.Response(202, json=replayed | changes),
            f"POST /api/scale/{RUN}/retry-failed": httpx.Response(202, json={"id": "02run", "parent": RUN}),
        }
    )


def invoke(served: ScriptedGateway, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Session(transport=served.transport))


def test_a_retry_says_which_run_to_watch_and_carries_a_key() -> None:
    served = gateway()
    result = invoke(served, "runs", "retry", RUN)
    assert (result.exit_code, "agentwars watch 02run" in result.stdout) == (0, True)
    assert served.requests[-1].headers["Idempotency-Key"]


def test_a_retry_of_nothing_is_refused_as_it_is_said() -> None:
    served = ScriptedGateway({f"POST /api/scale/{RUN}/retry-failed": refused(409, "conflict", "Nothing to retry.")})
    result = invoke(served, "runs", "retry", RUN)
    assert (result.exit_code, result.stderr) == (2, "✗ Nothing to retry.\n")


def test_letters_are_listed_without_what_steers_a_terminal() -> None:
    shown = invoke(gateway(), "dead-letters", "list").stdout
    assert f"{RUN}-1:3:turn" in shown
    assert "\x1b" not in shown


def test_a_letter_is_shown_with_its_payload_and_as_json() -> None:
    assert '"type": "generation.given-up"' in invoke(gateway(), "dead-letters", "show", "7").stdout
    assert json.loads(invoke(gateway(), "dead-letters", "show", "7", "--json").stdout) == WHOLE


def test_a_replay_says_whether_it_was_put_back_before() -> None:
    assert "is on its queue again" in invoke(gateway(), "dead-letters", "replay", "7").stdout
    assert "is on its queue already" in invoke(gateway(duplicate=True), "dead-letters", "replay", "7").stdout
