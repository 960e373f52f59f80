"""`agentwars agents`: list, show, create, update, delete."""

from typing import Annotated, Any, Final

import typer

from agentwars.client import Client
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
from agentwars.terminal.tables import agent_view, agents_view

commands = typer.Typer(no_args_is_help=True, help="Agents: list, show, create, update, delete.")

_KEPT: Final = (
    *("name", "description", "systemPrompt", "provider", "model", "tier", "temperature", "maxTokens", "stop"),
    *("endpoint", "criteria", "tools"),
)
AgentId = Annotated[str, typer.Argument(help="The agent's id.", metavar="AGENT")]
Provider = Annotated[str | None, typer.Option(help="The provider, where a model of that name stands at several.")]
ModelName = Annotated[str | None, typer.Option("--model", help="The model that answers.")]
Description = Annotated[str | None, typer.Option(help="What the agent is for.")]
Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="Sampling temperature.")]


@commands.command("list")
def list_agents(context: typer.Context, limit: Annotated[int, typer.Option(min=1, max=1000)] = 50) -> None:
    """List agents, newest first."""

    async def work(session: Session, client: Client) -> int:
        agents = await client.agents(limit)
        session.show(agents, agents_view(agents))
        return OK

    execute(context, work)


@commands.command()
def show(context: typer.Context, agent_id: AgentId) -> None:
    """Show an agent and its prompt."""

    async def work(session: Session, client: Client) -> int:
        agent = await client.agent(agent_id)
        session.show(agent, agent_view(agent))
        return OK

    execute(context, work)


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The agent's name.")],
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    model: ModelName = None,
    provider: Provider = None,
    description: Description = None,
    temperature: Temperature = None,
) -> None:
    """Create an agent from a system prompt."""
    text = prompt_text(prompt, prompt_file)
    if text is None:
        raise typer.BadParameter("an agent needs a system prompt: give --prompt TEXT or --prompt-file FILE")
    body = {"name": name, "systemPrompt": text} | _details(model, provider, description, temperature)

    async def work(session: Session, client: Client) -> int:
        agent = await client.create_agent(body)
        session.show(agent, agent_view(agent))
        session.say(f"\nTry it: agentwars battle run {agent.id}")
        return OK

    execute(context, work)


@commands.command()
def update(
    context: typer.Context,
    agent_id: AgentId,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    prompt: Prompt = None,
    prompt_file: PromptFile = None,
    model: ModelName = None,
    provider: Provider = None,
    description: Description = None,
    temperature: Temperature = None,
) -> None:
    """Make a new version of an agent; what is not given stays as it is."""
    changes = without_nothing(name=name, systemPrompt=prompt_text(prompt, prompt_file))
    changes |= _details(model, provider, description, temperature)
    if not changes:
        raise typer.BadParameter("nothing to change: give --name, --prompt, --prompt-file, --model or another option")

    async def work(session: Session, client: Client) -> int:
        before = (await client.agent(agent_id)).wire()
        kept = {field: before[field] for field in _KEPT if before.get(field) is not None}
        agent = await client.update_agent(agent_id, kept | changes)
        session.show(agent, agent_view(agent))
        return OK

    execute(context, work)


@commands.command()
def delete(context: typer.Context, agent_id: AgentId) -> None:
    """Archive an agent; its runs stay readable."""

    async def work(session: Session, client: Client) -> int:
        await client.archive_agent(agent_id)
        if session.as_json:
            write_json({"id": agent_id, "archived": True})
        session.say(f"✓ {agent_id} is archived")
        return OK

    execute(context, work)


def _details(
    model: str | None, provider: str | None, description: str | None, temperature: float | None
) -> dict[str, Any]:
    return without_nothing(model=model, provider=provider, description=description, temperature=temperature)
