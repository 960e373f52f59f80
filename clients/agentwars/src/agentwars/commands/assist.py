"""`agentwars assist`: PromptBro writes along."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from agentwars.client import Client
from agentwars.commands.consent import check_terminal, confirmed
from agentwars.commands.session import OK, Session, execute, prompt_text, without_nothing, write_json
from agentwars.errors import BrokenStream
from agentwars.terminal.conversation import WrappedWriter
from agentwars.terminal.formatting import usd


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
    save_template: Annotated[
        str | None, typer.Option(help="Keep the result as a prompt template of this name.", metavar="NAME")
    ] = None,
    save_agent: Annotated[
        str | None, typer.Option(help="Keep the result as a new version of this agent.", metavar="AGENT")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Keep what was written from a report without asking whether it was read.")
    ] = False,
) -> None:
    """Write or better a prompt together with PromptBro."""
    given = prompt_text(text, input_file)
    if given is None and report_run is None:
        raise typer.BadParameter("give --input TEXT or --input-file FILE")
    context_fields = without_nothing(goal=goal, audience=audience, tone=tone, constraints=constraints)
    body = {"step": step.value, "input": given or ""} | without_nothing(
        section=section, context=context_fields, model=model, reportRunId=report_run
    )

    kept: list[dict[str, object]] = []
    if save_template is not None:
        kept.append({"as": "template", "name": save_template})
    if save_agent is not None:
        kept.append({"as": "agent", "agentId": save_agent})
    asks = report_run is not None and not yes

    async def work(session: Session, client: Client) -> int:
        if kept and asks:
            check_terminal(session)
        done = await _write_along(session, client, body)
        text = str(done.get("text") or "")
        for how in kept:
            if not asks or await confirmed(session, client, how, text):
                await _keep(session, client, how | without_nothing(text=text, reportRunId=report_run))
        return OK

    execute(context, work)


async def _write_along(session: Session, client: Client, body: dict[str, object]) -> dict[str, object]:
    writer, written = WrappedWriter(session.out), ""
    async for event in client.assist(body):
        if event.type == "token" and session.on_terminal:
            written += str(event.data.get("token", ""))
            writer.write(str(event.data.get("token", "")), "")
        if event.type == "done":
            _finish(session, writer, written, event.data)
            return event.data
    raise BrokenStream("it ended before the answer was whole; try again")


def _finish(session: Session, writer: WrappedWriter, written: str, done: dict[str, object]) -> None:
    text = str(done.get("text", ""))
    if session.as_json:
        write_json(done)
        return
    if not session.on_terminal:
        session.out.print(text, soft_wrap=True)
        return
    writer.end()
    if written != text:
        session.out.say(Text("\nThe model had to begin anew; this is the whole text:\n", style="dim"))
        session.out.print(text, soft_wrap=True)
    usage = done.get("usage")
    cost = usage.get("costUsd") if isinstance(usage, dict) else None
    session.out.say(Text(f"\n{usd(cost)}" if cost is not None else "", style="dim"))


async def _keep(session: Session, client: Client, body: dict[str, object]) -> None:
    """Says on standard error what was kept: standard output is the text's."""
    saved = await client.save_written(body)
    if not session.as_json:
        session.err.say(
            f"Kept as {body['as']} {saved.get('name')} ({saved.get('id')}), version {saved.get('version')}."
        )
