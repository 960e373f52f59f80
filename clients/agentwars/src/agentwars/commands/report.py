"""`agentwars report` and `agentwars watch`."""

from typing import Annotated, Any

import typer

from agentwars.client import FORMS, Client
from agentwars.commands.battle import say_outcome
from agentwars.commands.runs import RunId
from agentwars.commands.session import BELOW, OK, Session, execute, write_json
from agentwars.commands.watch import follow, verdict
from agentwars.terminal.board import Board
from agentwars.terminal.report import report_view
from agentwars.terminal.tables import run_view

Form = Annotated[
    str | None, typer.Option("--format", help=f"The report itself as {', '.join(FORMS[:-1])} or {FORMS[-1]}.")
]


def report(context: typer.Context, run_id: RunId, form: Form = None) -> None:
    """Read what a run taught: success, why it failed, a revised prompt."""

    async def work(session: Session, client: Client) -> int:
        if form is not None and form != "json":
            return _written(session, run_id, await client.export(run_id, form))
        found = await client.report(run_id)
        if found is None:
            return _pending(session, run_id)
        session.show(found, report_view(found))
        return OK

    execute(context, work)


def _written(session: Session, run_id: str, text: str | None) -> int:
    if text is None:
        return _pending(session, run_id)
    if session.out.is_terminal:
        session.out.print(text, soft_wrap=True)
    else:
        print(text, end="")  # a file gets exactly what the gateway wrote
    return OK


def _pending(session: Session, run_id: str) -> int:
    if session.as_json:
        write_json({"runId": run_id, "status": "pending"})
    session.say(f"· The report of {run_id} is not there yet. Watch the run: agentwars watch {run_id}")
    return BELOW


def watch(
    context: typer.Context,
    run_id: RunId,
    now: Annotated[bool, typer.Option("--now", help="From now on; else from its start.")] = False,
) -> None:
    """Watch a run to its end; with --json, one JSON line for every event."""

    async def work(session: Session, client: Client) -> int:
        run = await client.run(run_id)
        board = Board(run.id, total=run.total, **_known(run.wire()))
        ended = await follow(session, client, board, start="now" if now else "start")
        if not session.as_json:
            if ended.total == 1:
                say_outcome(session, ended)
            else:
                session.out.print()
                session.out.print(run_view(ended))
        return verdict(ended, None, None)

    execute(context, work)


def _known(run: dict[str, Any]) -> dict[str, Any]:
    return {"status": run["status"], "max_budget_usd": (run.get("budget") or {}).get("maxUsd")}
