"""The options that battles and scale tests share, as the body of a start."""

from typing import Annotated, Any, Literal

import typer

from agentwars.answers import Started
from agentwars.client import Client
from agentwars.commands.session import Session, without_nothing
from agentwars.errors import ApiError, NobodyJudges
from agentwars.terminal.console import one_line

AgentId = Annotated[str | None, typer.Argument(help="The agent's id; or give its prompt.", metavar="AGENT")]
Goal = Annotated[str | None, typer.Option(help="What success means, in words.")]
ModelName = Annotated[str | None, typer.Option("--model", help="The model of the agent.")]
Provider = Annotated[str | None, typer.Option(help="The provider of that model.")]
JudgeModel = Annotated[str | None, typer.Option(help="The model that judges.")]
MaxBudget = Annotated[float | None, typer.Option(help="What the whole run may cost, in dollars.")]
MessageLimit = Annotated[int | None, typer.Option(help="Messages of both sides in a conversation [1-25].")]
Seed = Annotated[int | None, typer.Option(help="For runs that can be repeated.")]
MinSuccess = Annotated[
    float | None, typer.Option(min=0, max=1, help="Exit with 1 where the success rate is below, e.g. 0.8.")
]
Name = Annotated[str | None, typer.Option(help="The name of the agent that --prompt creates.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start only; watch it later.")]
Follow = Annotated[bool, typer.Option("--follow", help="With --json: one JSON line for every event.")]


def check_agent(agent_id: str | None, prompt: str | None) -> None:
    """Raises typer.BadParameter unless exactly one of the two is given."""
    if (agent_id is None) == (prompt is None):
        raise typer.BadParameter("name an agent, or give --prompt TEXT or --prompt-file FILE (one of them)")


def settings(
    goal: str | None,
    model: str | None,
    provider: str | None,
    judge_model: str | None,
    max_budget: float | None,
    message_limit: int | None,
    seed: int | None,
) -> dict[str, Any]:
    """The fields of a start body that were given."""
    return without_nothing(
        goal=goal,
        model=model,
        provider=provider,
        judge={"model": judge_model} if judge_model else None,
        maxBudgetUsd=max_budget,
        messageLimit=message_limit,
        seed=seed,
    )


async def start(
    session: Session,
    client: Client,
    kind: Literal["battles", "scale"],
    agent: tuple[str | None, str | None, str | None],
    body: dict[str, Any],
    min_success: float | None,
) -> Started:
    """Starts a run of the agent: its id, or a prompt and name for a new one, which a refused start takes back.

    Says before the start where nobody would judge it. Raises NobodyJudges where a success rate is asked for then.
    """
    agent_id, prompt, name = agent
    if agent_id is not None:
        asked = {"agentId": agent_id} | body
        _check_judged(session, _names_a_goal(body) or await _is_judged(client, kind, asked), min_success)
        return await client.start(kind, asked)
    _check_judged(session, _names_a_goal(body), min_success)
    created = await client.create_agent({"name": name or "Unnamed agent", "systemPrompt": prompt})
    try:
        started = await client.start(kind, {"agentId": created.id} | body)
    except ApiError:
        await client.archive_agent(created.id)
        raise
    session.say(f"Agent {created.id} ({one_line(created.name)}) created.")
    return started


def _names_a_goal(body: dict[str, Any]) -> bool:
    """Whether there is a goal without the agent's doing: personas of the library have one, own words have none."""
    personas = [*body.get("personas", []), (body.get("opponent") or {}).get("personaId")]
    return "goal" in body or any(persona and not any(map(str.isspace, persona)) for persona in personas)


async def _is_judged(client: Client, kind: Literal["battles", "scale"], body: dict[str, Any]) -> bool:
    """Whether the agent brings criteria to judge by, as the gateway sees it."""
    try:
        return (await client.estimate(kind, body)).judged
    except ApiError:
        # The start refuses it in the same words, or was only asked in a better moment.
        return True


def _check_judged(session: Session, judged: bool, min_success: float | None) -> None:
    if judged:
        return
    if min_success is not None:
        raise NobodyJudges
    session.say("Nobody judges this run: it has neither a goal nor criteria (--goal TEXT). It ends in statistics only.")
