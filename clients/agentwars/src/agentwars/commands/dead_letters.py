"""`agentwars dead-letters`: list, show, replay."""

from typing import Annotated

import typer
from rich.text import Text

from agentwars.client import Client
from agentwars.commands.session import OK, Session, execute
from agentwars.terminal.dead_letters import letter_view, letters_view

commands = typer.Typer(no_args_is_help=True, help="Work that was given up: list, show, replay.")
LetterId = Annotated[str, typer.Argument(help="The dead letter's id.", metavar="LETTER")]


@commands.command("list")
def list_letters(context: typer.Context, limit: Annotated[int, typer.Option(min=1, max=1000)] = 20) -> None:
    """List work that was given up, newest first."""

    async def work(session: Session, client: Client) -> int:
        letters = await client.dead_letters(limit)
        session.show(letters, letters_view(letters))
        return OK

    execute(context, work)


@commands.command()
def show(context: typer.Context, letter_id: LetterId) -> None:
    """Show what was given up, and why."""

    async def work(session: Session, client: Client) -> int:
        letter = await client.dead_letter(letter_id)
        session.show(letter, letter_view(letter))
        return OK

    execute(context, work)


@commands.command()
def replay(context: typer.Context, letter_id: LetterId) -> None:
    """Put given-up work back on its queue; refused for what has ended."""

    async def work(session: Session, client: Client) -> int:
        replayed = await client.replay(letter_id)
        done = "is on its queue already" if replayed.duplicate else "is on its queue again"
        told = f"✓ The work of letter {replayed.id} {done}. Watch its run: agentwars watch {replayed.run_id}"
        session.show(replayed, Text(told))
        return OK

    execute(context, work)
