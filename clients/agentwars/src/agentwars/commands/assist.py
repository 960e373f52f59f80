"""`agentwars assist`: PromptBro writes along."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from agentwars.client import Client
from agentwars.commands.session import OK, Session, execute, prompt_text, without_nothing, write_json
from agentwars.errors import BrokenStream
from agentwars.terminal.talk import WrappedWriter
from agentwars.terminal.words import usd


class Step(StrEnum):
    """What is asked of PromptBro."""

    BRIEF = "brief"
    SECTION = "section"
    REWRITE = "rewrite"
    CRITERIA = "criteria"
    FROM_REPORT = "from-report"


def assist(
    context: typer.Context,
    step: Annotated[Step, typer.Argument(help="What to write.")],
    text: Annotated[str | None, typer.Option("--input", help="What PromptBro works on.")] = None,
    input_file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, allow_dash=True, help="A file that holds it; - is stdin."),
    ] = None,
    section: Annotated[str | None, typer.Option(help="The section to write, for the step `section`.")] = None,
    goal: Annotated[str | None, typer.Option(help="What the prompt is to reach.")] = None,
    audience: Annotated[str | None, typer.Option(help="Who talks to the agent.")] = None,
    tone: Annotated[str | None, typer.Option(help="How the agent sounds.")] = None,
    constraints: Annotated[str | None, typer.Option(help="What the agent must not do.")] = None,
    report_run: Annotated[str | None, typer.Option(help="The run whose report to start from.", metavar="RUN")] = None,
    model: Annotated[str | None, typer.Option(help="The model that writes.")] = None,
) -> None:
    """Write or better a prompt together with PromptBro."""
    given = prompt_text(text, input_file)
    if given is None and report_run is None:
        raise typer.BadParameter("give --input TEXT or --input-file FILE")
    context_fields = without_nothing(goal=goal, audience=audience, tone=tone, constraints=constraints)
    body = {"step": step.value, "input": given or ""} | without_nothing(
        section=section, context=context_fields, model=model, reportRunId=report_run
    )

    async def work(session: Session, client: Client) -> int:
        return await _write_along(session, client, body)

    execute(context, work)


async def _write_along(session: Session, client: Client, body: dict[str, object]) -> int:
    writer = WrappedWriter(session.out)
    async for event in client.assist(body):
        if event.type == "token" and session.on_terminal:
            writer.write(str(event.data.get("token", "")), "")
        if event.type == "done":
            return _finish(session, writer, event.data)
    raise BrokenStream("it ended before the answer was whole; try again")


def _finish(session: Session, writer: WrappedWriter, done: dict[str, object]) -> int:
    if session.as_json:
        write_json(done)
    elif session.on_terminal:
        writer.end()
        usage = done.get("usage")
        cost = usage.get("costUsd") if isinstance(usage, dict) else None
        session.out.say(Text(f"\n{usd(cost)}" if cost is not None else "", style="dim"))
    else:
        session.out.print(str(done.get("text", "")), soft_wrap=True)
    return OK
