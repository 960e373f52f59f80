"""Lists and single things on the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agentwars.answers import Agent, Conversation, Message, Run
from agentwars.terminal.console import clean, one_line
from agentwars.terminal.formatting import goal, milliseconds, moment, short_moment, side, state, usd


def agents_view(agents: Sequence[Agent]) -> RenderableType:
    if not agents:
        return Text('No agents yet. Make one: agentwars agents create NAME --prompt "You are ..."', style="dim")
    table = _table("id", "name", "version", "model", "changed (UTC)")
    for agent in agents:
        table.add_row(agent.id, _cut(agent.name), str(agent.version), _model(agent), moment(agent.updated_at))
    return table


def agent_view(agent: Agent) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    rows = [("id", agent.id), ("version", str(agent.version)), ("model", _model(agent))]
    rows += [("changed (UTC)", moment(agent.updated_at)), ("about", one_line(agent.description or ""))]
    for name, value in rows:
        if value:
            facts.add_row(name, value)
    prompt = Text(clean(agent.system_prompt or "").strip())
    return Group(Text(one_line(agent.name), style="bold cyan"), facts, Text(), Padding(prompt, (0, 0, 0, 2)))


def runs_view(runs: Sequence[Run]) -> RenderableType:
    if not runs:
        return Text("No runs yet. Start one: agentwars scale run --help", style="dim")
    table = _table("id", "kind", "status", "ended", "cost", "at (UTC)")
    for run in runs:
        ended = f"{run.completed + run.failed}/{run.total}"
        table.add_row(run.id, run.kind, state(run.status), ended, usd(run.usage.cost_usd), short_moment(run.started_at))
    return table


def run_view(run: Run) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_row("status", state(run.status))
    broken = f", {run.failed} by an error" if run.failed else ""
    table.add_row(
        "conversations", f"{run.completed + run.failed} of {run.total} ended{broken}, {run.in_progress} playing"
    )
    if run.total == 1 and run.ended_reason:
        table.add_row("outcome", state(run.ended_reason) + Text("  ") + goal(run.goal_reached))
    table.add_row("cost", f"{usd(run.usage.cost_usd)} of {usd(run.budget.max_usd)}")
    table.add_row("started (UTC)", moment(run.started_at))
    table.add_row("ended (UTC)", moment(run.ended_at))
    if run.error:
        table.add_row("error", Text(one_line(run.error.message), style="red"))
    table.add_row("report", f"agentwars report {run.id}" if run.report_ready else "not there yet")
    return Group(Text(f"{run.kind} {run.id}", style="bold"), table)


def conversations_view(conversations: Sequence[Conversation]) -> RenderableType:
    table = _table("id", "ended by", "goal", "messages", "cost", "tags")
    for one in conversations:
        word = one.ended_reason or one.status or "waiting"
        tags = one_line(", ".join(one.tags))
        table.add_row(one.id, state(word), _reached(one.goal_reached), str(one.messages), usd(one.cost_usd), tags)
    return table


def _reached(goal_reached: bool | None) -> Text:
    if goal_reached is None:
        return Text("·", style="dim")
    return Text("✓ yes", style="green") if goal_reached else Text("✗ no", style="yellow")


def messages_view(messages: Sequence[Message]) -> RenderableType:
    return Group(*(_message(message) for message in messages)) if messages else Text("No messages yet.", style="dim")


def _message(message: Message) -> RenderableType:
    facts = [str(message.seq), message.model or "given"]
    facts += [milliseconds(message.latency_ms)] if message.latency_ms is not None else []
    head = side(message.side).append(f"  {'  '.join(facts)}", style="not bold dim")
    return Group(head, Padding(Text(clean(message.content or "").strip()), (0, 0, 1, 2)))


def _model(agent: Agent) -> str:
    return "/".join(filter(None, (agent.provider, agent.model))) or agent.tier or "the default"


def _cut(text: str) -> Text:
    return Text(one_line(text), overflow="ellipsis", no_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=name in ("id", "kind", "status", "ended by", "goal", "at (UTC)"))
    return table
