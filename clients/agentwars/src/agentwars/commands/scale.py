"""`agentwars scale run`: many conversations, a live view, a report, an exit status for CI."""

from typing import Annotated, Any

import typer
from rich.text import Text

from agentwars.answers import Report, Run, Started
from agentwars.client import Client
from agentwars.commands import starting
from agentwars.commands.playing import final_object, follow, report_of, verdict
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
from agentwars.terminal.board import Board
from agentwars.terminal.report import report_view
from agentwars.terminal.words import percent, usd

commands = typer.Typer(no_args_is_help=True, help="Scale tests: many conversations, one report.")


@commands.callback()
def scale() -> None:
    """Scale tests: many conversations, one report."""


@commands.command()
def run(
    context: typer.Context,
    agent: starting.AgentId = None,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    runs: Annotated[int, typer.Option(help="How many conversations.", min=1)] = 1,
    goal: starting.Goal = None,
    persona: Annotated[
        list[str] | None, typer.Option(help="A persona of the library plays the opponent; give several to take turns.")
    ] = None,
    model: starting.ModelName = None,
    provider: starting.Provider = None,
    judge_model: starting.JudgeModel = None,
    max_budget: starting.MaxBudget = None,
    message_limit: starting.MessageLimit = None,
    seed: starting.Seed = None,
    name: starting.Name = None,
    min_success: starting.MinSuccess = None,
    detach: starting.Detach = False,
    follow_events: starting.Follow = False,
) -> None:
    """Start a scale test, watch it, read its report."""
    text = prompt_text(prompt, prompt_file)
    starting.check_agent(agent, text)
    body = starting.settings(goal, model, provider, judge_model, max_budget, message_limit, seed)
    body |= {"runs": runs} | without_nothing(personas=list(persona or []))

    async def work(session: Session, client: Client) -> int:
        started = await starting.start(session, client, "scale", (agent, text, name), body, min_success)
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
