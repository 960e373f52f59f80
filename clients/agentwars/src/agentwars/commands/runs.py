"""`agentwars runs`: list, show, conversations, messages, cancel, pause, resume, retry."""

from typing import Annotated, Literal

import typer
from rich.text import Text

from agentwars.client import KINDS, Client
from agentwars.commands.session import OK, Session, execute
from agentwars.terminal.tables import conversations_view, messages_view, run_view, runs_view

commands = typer.Typer(no_args_is_help=True, help="Runs: list, show, read, cancel, pause, resume, retry.")
RunId = Annotated[str, typer.Argument(help="The run's id.", metavar="RUN")]


@commands.command("list")
def list_runs(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option(help=", ".join(KINDS))] = None,
    status: Annotated[str | None, typer.Option(help="running, complete, failed ...")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
) -> None:
    """List runs, newest first."""

    async def work(session: Session, client: Client) -> int:
        runs = await client.runs(limit, kind=kind, status=status)
        session.show(runs, runs_view(runs))
        return OK

    execute(context, work)


@commands.command()
def show(context: typer.Context, run_id: RunId) -> None:
    """Show where a run stands."""

    async def work(session: Session, client: Client) -> int:
        run = await client.run(run_id)
        session.show(run, run_view(run))
        return OK

    execute(context, work)


@commands.command()
def conversations(context: typer.Context, run_id: RunId) -> None:
    """List a run's conversations and how they ended."""

    async def work(session: Session, client: Client) -> int:
        found = await client.conversations(run_id)
        session.show(found, conversations_view(found))
        return OK

    execute(context, work)


@commands.command()
def messages(
    context: typer.Context,
    conversation_id: Annotated[
        str, typer.Argument(help="A conversation's id, or that of a run with one.", metavar="CONVERSATION")
    ],
    since: Annotated[int, typer.Option(min=0, help="Only what came after this message.")] = 0,
) -> None:
    """Read a conversation."""

    async def work(session: Session, client: Client) -> int:
        found = await client.messages(conversation_id, since)
        session.show(found, messages_view(found))
        return OK

    execute(context, work)


@commands.command()
def cancel(context: typer.Context, run_id: RunId) -> None:
    """End a run now; what was said stays."""
    _control(context, run_id, "cancel")


@commands.command()
def pause(context: typer.Context, run_id: RunId) -> None:
    """Let a run rest; nothing new is asked of any model."""
    _control(context, run_id, "pause")


@commands.command()
def resume(context: typer.Context, run_id: RunId) -> None:
    """Let a paused run go on."""
    _control(context, run_id, "resume")


@commands.command()
def retry(context: typer.Context, run_id: RunId) -> None:
    """Play again what ended by an error, as a new run; its report covers what went well before, too."""

    async def work(session: Session, client: Client) -> int:
        started = await client.retry_failed(run_id)
        told = f"Retry {started.id} plays what failed in {run_id} again. Watch it: agentwars watch {started.id}"
        session.show(started, Text(told))
        return OK

    execute(context, work)


def _control(context: typer.Context, run_id: str, wish: Literal["cancel", "pause", "resume"]) -> None:
    async def work(session: Session, client: Client) -> int:
        run = await client.control(run_id, wish)
        session.show(run, run_view(run))
        return OK

    execute(context, work)
