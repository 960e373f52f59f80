"""`agentwars battle run`: one conversation, read while it is spoken."""

from typing import Annotated, Any

import typer
from rich.text import Text

from agentwars.answers import Run, Started
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
from agentwars.terminal.console import one_line
from agentwars.terminal.formatting import goal as goal_words
from agentwars.terminal.formatting import state, usd

commands = typer.Typer(no_args_is_help=True, help="Battles: one conversation of an agent with an opponent.")


@commands.callback()
def battle() -> None:
    """Battles: one conversation of an agent with an opponent."""


@commands.command()
def run(
    context: typer.Context,
    agent: start_options.AgentId = None,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    goal: start_options.Goal = None,
    persona: Annotated[str | None, typer.Option(help="A persona of the library plays the opponent.")] = None,
    opponent: Annotated[str | None, typer.Option(help="Another agent plays the opponent.", metavar="AGENT")] = None,
    message: Annotated[str | None, typer.Option(help="The opponent's first message.")] = None,
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
    """Start a battle and read along."""
    text = prompt_text(prompt, prompt_file)
    start_options.check_agent(agent, text)
    if persona and opponent:
        raise typer.BadParameter("give --persona or --opponent, not both")
    body = start_options.settings(goal, model, provider, judge_model, max_budget, message_limit, seed)
    body |= without_nothing(
        opponent=without_nothing(personaId=persona, agentId=opponent),
        userMessage=message,
    )

    async def work(session: Session, client: Client) -> int:
        started = await start_options.start(session, client, "battles", (agent, text, name), body, min_success)
        if detach:
            told = Text(f"Battle {started.id} started. Watch it: agentwars watch {started.id}")
            session.show(started, told)
            return OK
        return await _play(session, client, started, body, min_success, follow_events)

    execute(context, work)


async def _play(
    session: Session, client: Client, started: Started, body: dict[str, Any], min_success: float | None, events: bool
) -> int:
    session.say(f"Battle {started.id}, estimated {usd(started.estimated_usd)}\n")
    ended = await follow(session, client, Board(started.id, body.get("messageLimit")), events=events)
    report = await report_of(client, ended.id) if session.as_json and not events else None
    if session.as_json and not events:
        write_json(final_object(ended, report))
    if not session.as_json:
        say_outcome(session, ended)
    return verdict(ended, report, min_success)


def say_outcome(session: Session, run: Run) -> None:
    """How a run of one conversation ended, and what it cost."""
    messages = f"{run.current_turn or 0} messages · {usd(run.usage.cost_usd)} of {usd(run.budget.max_usd)}"
    reason = run.ended_reason or run.status
    ended_by = [] if reason == "goal" else [Text("· ended by"), state(reason)]
    session.say()
    session.out.say(goal_words(run.goal_reached), *ended_by, f"· {messages}")
    if run.error is not None:
        session.out.say(Text(one_line(run.error.message), style="red"))
    session.out.say(Text(f"agentwars report {run.id}", style="dim"))
