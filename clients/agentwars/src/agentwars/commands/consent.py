"""A person's consent to keep what a model wrote from words of strangers: the transcripts of a report."""

import sys
from collections.abc import Mapping
from difflib import unified_diff
from typing import Final

import typer

from agentwars.client import Client
from agentwars.commands.session import Session
from agentwars.errors import NobodyConsents
from agentwars.terminal.report import diff_view

_LINES_COMPARED: Final = 1_000  # comparing takes the square of them


def check_terminal(session: Session) -> None:
    """Raises NobodyConsents where nobody can be asked: before anything is written and paid for."""
    if not (session.on_terminal and sys.stdin.isatty()):
        raise NobodyConsents


async def confirmed(session: Session, client: Client, how: Mapping[str, object], text: str) -> bool:
    """Shows what would change, and asks. An agent's prompt is compared with the one it has."""
    agent_id = how.get("agentId")
    if isinstance(agent_id, str):
        await _show_change(session, client, agent_id, text)
        question = f"Keep this as a new version of agent {agent_id}?"
    else:
        question = f"Keep this as template {how.get('name')}?"
    session.out.say("\nIt was written from the transcripts of a report, where others wrote too: read it first.")
    return typer.confirm(question)


async def _show_change(session: Session, client: Client, agent_id: str, text: str) -> None:
    current = ((await client.agent(agent_id)).system_prompt or "").splitlines()
    written = text.splitlines()
    if max(len(current), len(written)) > _LINES_COMPARED:
        session.out.say(f"\nIt replaces the {len(current)} lines of agent {agent_id}'s prompt.")
        return
    session.out.say(f"\nWhat changes in agent {agent_id}'s prompt:\n")
    session.out.print(diff_view("\n".join(unified_diff(current, written, lineterm=""))))
