"""`agentwars demo`: ten conversations with a deliberately plain prompt, live, with their report."""

import asyncio
from typing import Any, Final

import typer

from agentwars.client import Client
from agentwars.commands.scale import play_to_report
from agentwars.commands.session import BELOW, OK, UNAVAILABLE, Session, execute, write_json
from agentwars.commands.watch import final_object
from agentwars.errors import ApiError
from agentwars.terminal.formatting import usd

_READY_TRIES: Final = 120
_READY_PAUSE_SECONDS: Final = 0.5
_MODEL: Final = "demo-standard"
_NAME: Final = "Kettle & Co support"
_PROMPT: Final = "You are the support assistant of Kettle & Co. Answer politely and in a few sentences."
_CONVERSATIONS: Final = 10
_MESSAGE_LIMIT: Final = 12
_SEED: Final = 2


def demo(context: typer.Context) -> None:
    """Play ten conversations and read the report (what `make demo` shows)."""
    execute(context, _demo)


async def _demo(session: Session, client: Client) -> int:
    if not await _ready(client):
        session.err.say(f"✗ {session.url} isn't ready after a minute. Is the stack running? make up")
        return UNAVAILABLE
    body = await _body(client)
    started = await client.start("scale", body)
    session.say(f"\n{_NAME}, told only this:  “{_PROMPT}”")
    session.say(
        f"{_CONVERSATIONS} conversations with {len(body['personas'])} simulated customers, on {body['model']},"
        f" at most {usd(started.estimated_usd)} expected\n"
    )
    run, report = await play_to_report(session, client, started.id, body)
    if session.as_json:
        write_json(final_object(run, report))
    session.say("\nNext: make up keeps a stack running; then read along with one conversation of your own prompt:")
    session.say(f'  .venv/bin/agentwars battle run --prompt "You are ..." --persona {body["personas"][0]}')
    return OK if run.status == "complete" and report is not None and report.status == "ready" else BELOW


async def _ready(client: Client) -> bool:
    for _ in range(_READY_TRIES):
        if await client.ready():
            return True
        await asyncio.sleep(_READY_PAUSE_SECONDS)
    return False


async def _body(client: Client) -> dict[str, Any]:
    model, provider = await _model(client)
    agent = await client.create_agent({"name": _NAME, "systemPrompt": _PROMPT, "model": model, "provider": provider})
    return {
        "agentId": agent.id,
        "model": model,
        "runs": _CONVERSATIONS,
        "personas": [persona.id for persona in (await client.personas())[:3]],
        "messageLimit": _MESSAGE_LIMIT,
        "seed": _SEED,
    }


async def _model(client: Client) -> tuple[str, str]:
    """The demo model, else the registry's first. Raises ApiError where there is none."""
    models = await client.models()
    chosen = next((model for model in models if model.name == _MODEL), models[0] if models else None)
    if chosen is None:
        raise ApiError("models_unavailable", "The registry holds no model; see AGENTWARS_PROVIDERS.", status=503)
    return chosen.name, chosen.provider
