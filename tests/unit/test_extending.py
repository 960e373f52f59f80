"""What comes in kinds touches the files that docs/extending.md links, and no other: one of each is added here.

Each toy is added to the sources in a process of its own, which then says where it sees it.
"""

import re
from pathlib import PurePosixPath
from typing import Final

import pytest

from support.changed_sources import ROOT, replaced, seen

WORDS: Final = "shared/src/shared/contracts/enums.py"
CLIENT: Final = "clients/agentwars/src/agentwars/client.py"
GATEWAY: Final = "services/gateway/src/gateway"
PRODUCT: Final = ("services/", "shared/", "clients/agentwars/")
APP: Final = """
import json
from support.gateway.app import DEAD_MONGO, DEAD_NATS, gateway_app
app = gateway_app(DEAD_NATS, DEAD_MONGO)
app.state.store.close()
document = app.openapi()
"""

KIND: Final = {
    WORDS: replaced(
        WORDS,
        (
            '    ASSIST = "assist"\n\n\nclass RunStatus',
            '    ASSIST = "assist"\n    DRILL = "drill"\n\n\nclass RunStatus',
        ),
    ),
    "shared/src/shared/contracts/kinds.py": replaced(
        "shared/src/shared/contracts/kinds.py",
        (
            "    RunKind.ASSIST: KindRules(Purpose.ASSIST, answers=True),\n",
            "    RunKind.ASSIST: KindRules(Purpose.ASSIST, answers=True),\n"
            '    RunKind.DRILL: KindRules(Purpose.TURN, "drills", "drill", reported=True, pausable=True),\n',
        ),
    ),
    CLIENT: replaced(CLIENT, ('"chat", "assist")', '"chat", "assist", "drill")')),
}
SEES_KIND: Final = (
    APP
    + """
from agentwars.client import KINDS as told
from gateway.access.token_callers import READ_BY_PATH
from shared.contracts.kinds import KINDS, LANE_OF, PLAYED
from shared.contracts.runs import links_of, status_view
from shared.contracts.enums import RunKind
from shared.storage.indexes import INDEXES
from support.builders import run
made = run().model_copy(update={"kind": RunKind.DRILL, "id": "r"})
print(json.dumps({
    "paths": sorted(path for path in document["paths"] if path.startswith("/api/drills/")),
    "operations": [one["operationId"] for methods in document["paths"].values() for one in methods.values()],
    "schema": document["components"]["schemas"]["RunKind"]["enum"],
    "token": "/api/drills/{id}/events" in READ_BY_PATH,
    "links": links_of(made).status,
    "shown": status_view(made).kind,
    "played": "drill" in PLAYED,
    "indexed": "drill" in str(INDEXES[0]),
    "told": "drill" in told,
}))
"""
)

REASON: Final = {
    WORDS: replaced(
        WORDS, ('    REPETITION = "repetition"\n', '    REPETITION = "repetition"\n    BOREDOM = "boredom"\n')
    ),
    "shared/src/shared/contracts/endings.py": replaced(
        "shared/src/shared/contracts/endings.py",
        (
            "    EndedReason.REPETITION: Ending(),\n",
            "    EndedReason.REPETITION: Ending(),\n"
            '    EndedReason.BOREDOM: Ending("failed", "canceled", "It was dull."),\n',
        ),
    ),
    "services/orchestrator/src/orchestrator/decide.py": replaced(
        "services/orchestrator/src/orchestrator/decide.py",
        (
            "    if facts.messages >= facts.settings.message_limit:\n",
            "    if facts.messages == 7:\n        return _end(facts, EndedReason.BOREDOM)\n"
            "    if facts.messages >= facts.settings.message_limit:\n",
        ),
    ),
}
SEES_REASON: Final = (
    APP
    + """
from agentwars.terminal.formatting import state
from gateway.answers.answer_events import read_answer_event
from gateway.exports.junit import junit
from gateway.runs.conversations import _item
from orchestrator.conversation_facts import ConversationFacts
from orchestrator.decide import decide
from shared.contracts.conversations import Conversation
from shared.contracts.timestamps import now
from shared.contracts.enums import EndedReason
from shared.contracts.endings import FAILED
from support.builders import run
made, moment = run(), now()
conversation = Conversation(
    id="r-1", run_id="r", tenant="t", index=1, started_at=moment, clock_started_at=moment, deadline_at=moment,
    ended_reason="boredom",
)
unjudged = made.settings.conversation(1).model_copy(update={"judge": None})
[end] = decide(ConversationFacts(settings=unjudged, messages=7), moment)
print(json.dumps({
    "schema": document["components"]["schemas"]["EndedReason"]["enum"],
    "status": _item(made, 1, conversation).status,
    "answer": list(read_answer_event(1, "conversation.ended", b'{"endedReason":"boredom"}', 2)),
    "retried": "boredom" in FAILED,
    "shown": str(state("boredom")),
    "decided": end.reason,
}))
"""
)

EXPORTS: Final = f"{GATEWAY}/exports/__init__.py"
EXPORT: Final = {
    f"{GATEWAY}/exports/shout.py": "def shout(report):\n    return report.run_id.upper()\n",
    EXPORTS: replaced(
        EXPORTS,
        ("from gateway.exports.rows", "from gateway.exports.shout import shout\nfrom gateway.exports.rows"),
        ('    "csv": Export(', '    "shout": Export(shout, "text/shout"),\n    "csv": Export('),
    ),
    CLIENT: replaced(CLIENT, ('"html", "csv"', '"html", "shout", "csv"')),
}
SEES_EXPORT: Final = (
    APP
    + """
from typer.testing import CliRunner
from agentwars.main import cli
from gateway.routes.reports import _as
from types import SimpleNamespace
operation = document["paths"]["/api/runs/{run_id}/report"]["get"]
answer = _as(SimpleNamespace(run_id="r1"), "shout")
print(json.dumps({
    "parameter": [one["schema"]["enum"] for one in operation["parameters"] if one["name"] == "format"][0],
    "media": "text/shout" in operation["responses"]["200"]["content"],
    "answer": [answer.body.decode(), answer.headers["content-type"], answer.headers["content-disposition"]],
    "help": "shout" in CliRunner().invoke(cli, ["report", "--help"], env={"COLUMNS": "200"}).output,
}))
"""
)

ROUTE: Final = {
    f"{GATEWAY}/routes/echo.py": """
from fastapi import APIRouter
from gateway.access.callers import CallerOfRequest

router = APIRouter(prefix="/api/echo", tags=["health"])

@router.get("/{word}", summary="Say a word again")
async def say_again(word: str, caller: CallerOfRequest) -> dict[str, str]:
    return {"word": word, "tenant": caller.tenant}
""",
    f"{GATEWAY}/app.py": replaced(
        f"{GATEWAY}/app.py",
        ("    docs,\n    estimates,\n", "    docs,\n    echo,\n    estimates,\n"),
        ("    dead_letters,\n    docs,\n)", "    dead_letters,\n    echo,\n    docs,\n)"),
    ),
}
SEES_ROUTE: Final = (
    APP
    + """
import asyncio
from httpx import ASGITransport, AsyncClient

async def ask():
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        return [await client.request(method, "/api/echo/hello") for method in ("GET", "HEAD", "POST")]

got, head, refused = asyncio.run(ask())
operation = document["paths"]["/api/echo/{word}"]["get"]
print(json.dumps({
    "name": operation["operationId"],
    "errors": sorted(operation["responses"]),
    "answer": got.json()["word"],
    "request_id": "x-request-id" in got.headers,
    "head": head.status_code,
    "refused": [refused.status_code, refused.json()["error"]],
}))
"""
)


def linked(heading: str) -> set[str]:
    """The files and folders of the product that a section links."""
    page = (ROOT / "docs" / "extending.md").read_text()
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = {str(PurePosixPath(link)) for link in re.findall(r"\]\(\.\./([^)]+)\)", section)}
    return {one for one in found if f"{one}/".startswith(PRODUCT)}


ONLY_FOR_SOME_ROUTES: Final = {
    f"{GATEWAY}/{file}" for file in ("errors.py", "services.py", "access/authentication.py", "access/token_callers.py")
}


@pytest.mark.parametrize(
    ("heading", "files", "others"),
    [
        ("How to add a kind of run", KIND, set()),
        ("How to add a route", ROUTE, ONLY_FOR_SOME_ROUTES),
        ("How to add an export", EXPORT, set()),
        ("How to add a reason to end", REASON, set()),
    ],
)
def test_the_page_links_the_files_that_are_touched(heading: str, files: dict[str, str], others: set[str]) -> None:
    touched = {file if (ROOT / file).exists() else file.rpartition("/")[0] for file in files}

    assert touched | others == linked(heading)


def test_a_kind_of_run_is_a_row() -> None:
    sees = seen(KIND, SEES_KIND)

    assert {"/api/drills/{run_id}/" + one for one in ("status", "events", "report", "pause", "conversations")} <= {
        *sees["paths"]
    }
    assert {"getDrillStatus", "followDrillEvents", "getDrillReport", "pauseDrill"} <= {*sees["operations"]}
    assert "drill" in sees["schema"]
    assert (sees["links"], sees["shown"]) == ("/api/drills/r/status", "drill")
    assert [sees[place] for place in ("token", "played", "indexed", "told")] == [True] * 4


def test_a_reason_to_end_is_a_row_and_a_rule() -> None:
    sees = seen(REASON, SEES_REASON)

    assert "boredom" in sees["schema"]
    assert (sees["status"], sees["retried"]) == ("failed", True)
    assert sees["answer"] == [1, "canceled", "It was dull.", None, None]
    assert (sees["shown"], sees["decided"]) == ("✗ boredom", "boredom")


def test_an_export_is_a_file_and_a_row() -> None:
    sees = seen(EXPORT, SEES_EXPORT)

    assert "shout" in sees["parameter"]
    assert [sees["media"], sees["help"]] == [True, True]
    assert sees["answer"] == ["R1", "text/shout; charset=utf-8", 'inline; filename="r1.shout"']


def test_a_route_is_a_file_and_a_row() -> None:
    sees = seen(ROUTE, SEES_ROUTE)

    assert (sees["name"], sees["answer"], sees["head"]) == ("sayAgain", "hello", 200)
    assert {"4XX", "5XX"} <= {*sees["errors"]}
    assert sees["request_id"]
    assert sees["refused"] == [405, "invalid_request"]
