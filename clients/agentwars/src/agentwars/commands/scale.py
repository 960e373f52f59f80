"""`agentwars scale run`: many conversations, a live view, a report, an exit status for CI."""

from typing import Annotated, Any

import typer
from rich.text import Text

from agentwars.answers import Report, Run, Started
from agentwars.client import Client
from agentwars.commands import start_options
from agentwars.commands.session import (
    OK,
    Prompt,
    PromptFile,
    Session,
    execute,
    prompt_text,
    without_nothing,
    write_json,
)
from agentwars.commands.watch import final_object, follow, report_of, verdict
from agentwars.terminal.board import Board
from agentwars.terminal.formatting import percent, usd
from agentwars.terminal.report import report_view

commands = typer.Typer(no_args_is_help=True, help="Scale tests: many conversations, one report.")


@commands.callback()
def scale() -> None:
    """Scale tests: many conversations, one report."""


@commands.command()
def run(
    context: typer.Context,
    agent: start_options.AgentId = None,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    runs: Annotated[int, typer.Option(help="How many conversations.", min=1)] = 1,
    goal: start_options.Goal = None,
    persona: Annotated[
        list[str] | None, typer.Option(help="A persona of the library plays the opponent; give several to take turns.")
    ] = None,
    model: start_options.ModelName = None,
    provider: start_options.Provider = None,
    judge_model: start_options.JudgeModel = None,
    max_budget: start_options.MaxBudget = None,
    message_limit: start_options.MessageLimit = None,
    seed: start_options.Seed = None,
    name: start_options.Name = None,
    min_success: start_options.MinSuccess = None,
    detach: start_options.Detach = False,
    follow_events: start_options.Follow = False,
) -> None:
    """Start a scale test, watch it, read its report."""
    text = prompt_text(prompt, prompt_file)
    start_options.check_agent(agent, text)
    body = start_options.settings(goal, model, provider, judge_model, max_budget, message_limit, seed)
    body |= {"runs": runs} | without_nothing(personas=list(persona or []))

    async def work(session: Session, client: Client) -> int:
        started = await start_options.start(session, client, "scale", (agent, text, name), body, min_success)
        if detach:
            told = Text(f"Scale test {started.id} started. Watch it: agentwars watch {started.id}")
            session.show(started, told)
            return OK
        return await _play(session, client, started, body, min_success, follow_events)

    execute(context, work)


async def _play(
    session: Session, client: Client, started: Started, body: dict[str, Any], min_success: float | None, events: bool
) -> int:
    ended, report = await play_to_report(session, client, started.id, body, events)
    status = verdict(ended, report, min_success)
    if session.as_json:
        if not events:
            write_json(final_object(ended, report))
    elif min_success is not None:
        rate = report.stats.success_rate if report is not None else None
        compared = "✓ at least" if status == OK else "✗ below"
        session.say(f"\n{compared} {percent(min_success)}: {percent(rate)}")
    return status


async def play_to_report(
    session: Session, client: Client, run_id: str, body: dict[str, Any], events: bool = False
) -> tuple[Run, Report | None]:
    """Follows a started scale test, then prints its report."""
    board = Board(run_id, body.get("messageLimit"), total=body["runs"])
    ended = await follow(session, client, board, events=events)
    report = await report_of(client, run_id)
    if not session.as_json:
        session.out.print()
        if report is None:
            session.say(
                f"The report is not there yet. Later: agentwars report {run_id} (cost {usd(ended.usage.cost_usd)})"
            )
        else:
            session.out.print(report_view(report))
    return ended, report
