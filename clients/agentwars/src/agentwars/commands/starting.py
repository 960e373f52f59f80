"""The options that battles and scale tests share, as the body of a start."""

from typing import Annotated, Any, Literal

import typer

from agentwars.answers import Started
from agentwars.client import Client
from agentwars.commands.session import Session, without_nothing
from agentwars.errors import ApiError
from agentwars.terminal.paper import one_line

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
) -> Started:
    """Starts a run of the agent: its id, or a prompt and name for a new one, which a refused start takes back."""
    agent_id, prompt, name = agent
    if agent_id is not None:
        return await client.start(kind, {"agentId": agent_id} | body)
    created = await client.create_agent({"name": name or "Unnamed agent", "systemPrompt": prompt})
    try:
        started = await client.start(kind, {"agentId": created.id} | body)
    except ApiError:
        await client.archive_agent(created.id)
        raise
    session.say(f"Agent {created.id} ({one_line(created.name)}) created.")
    return started
