"""How a chat is played, from its first request. Pure."""

from datetime import datetime, timedelta
from typing import Any, Final

from gateway.access.callers import Caller
from gateway.chat.wire_messages import Sent, merged, system_prompt
from gateway.errors import ContextTooLong, FieldProblem, InvalidRequest
from gateway.schemas.chat import ChatBody
from gateway.schemas.fields import LARGEST_BUDGET_USD
from gateway.settings import GatewaySettings
from gateway.starts.participants import own_wish, wished
from gateway.starts.planning import new_run
from shared.contracts.agents import Agent
from shared.contracts.money import to_nanos
from shared.contracts.routes import RouteWish
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings, Participant, RunSettings
from shared.contracts.words import RunKind, Side, Tier
from shared.routing import Router
from shared.routing.estimates import text_tokens

NO_END_SECONDS: Final = 100 * 365 * 86_400.0
NO_MESSAGE_LIMIT: Final = 1_000_000
TIERS: Final = {"simple": Tier.FAST, "medium": Tier.STANDARD, "complex": Tier.PREMIUM}


def new_chat(
    body: ChatBody,
    sent: list[Sent],
    agent: Agent | None,
    caller: Caller,
    router: Router,
    settings: GatewaySettings,
    now: datetime,
    orphan_seconds: float,
) -> Run:
    """The run of a new chat: what the request brought is given. Raises InvalidRequest, ContextTooLong, UnknownModel."""
    given = tuple(merged(sent))
    if not given or given[-1].side is not Side.OPPONENT:
        raise InvalidRequest(FieldProblem("messages", "must end with a message to be answered"))
    voice = _voice(body, sent, agent, router, settings)
    _check_window(voice, given[-1].content, router.first(voice.pinned).entry.context_window)
    scenario = ConversationSettings(
        agent=voice,
        opponent=Participant(name="Person", system_prompt="", provider=voice.provider, model=voice.model),
        given=given,
        message_limit=NO_MESSAGE_LIMIT,
        time_limit_seconds=NO_END_SECONDS,
        orphan_seconds=orphan_seconds,
    )
    played = RunSettings(
        kind=RunKind.CHAT,
        total=1,
        concurrency=1,
        scenarios=(scenario,),
        max_budget_nanos=to_nanos(LARGEST_BUDGET_USD),
        time_limit_seconds=NO_END_SECONDS,
    )
    run = new_run(played, caller, now, client_id=body.chat)
    asked = {"asked_seq": len(given), "asked_at": now, "expires_at": now + timedelta(days=settings.chat_days_kept)}
    return run.model_copy(update=asked)


def _voice(
    body: ChatBody, sent: list[Sent], agent: Agent | None, router: Router, settings: GatewaySettings
) -> Participant:
    """Who answers: the agent that is named, with what the request says otherwise; else a voice of the request's own."""
    own: dict[str, Any] = agent.model_dump() if agent else {}
    tier = body.tier or (TIERS[body.complexity] if body.complexity else None)
    asked = RouteWish(provider=body.provider, model=body.model, tier=tier)
    route = router.first(wished(router, asked, own_wish(agent) if agent else RouteWish()))
    most = route.entry.max_output_tokens
    if body.max_tokens is not None and body.max_tokens > most:
        raise InvalidRequest(FieldProblem("maxTokens", f"must be at most {most}, the most {route.model} writes", most))
    warmth = next((one for one in (body.temperature, own.get("temperature")) if one is not None), settings.temperature)
    return Participant(
        agent_id=agent.id if agent else None,
        agent_version=agent.version if agent else None,
        name=agent.name if agent else "Assistant",
        system_prompt=body.system or own.get("system_prompt") or system_prompt(sent),
        provider=route.provider,
        model=route.model,
        temperature=warmth,
        max_tokens=body.max_tokens or min(own.get("max_tokens") or settings.chat_max_tokens, most),
        stop=tuple(body.stop) if body.stop is not None else tuple(own.get("stop", ())),
        tools=tuple(own.get("tools", ())),
    )


def _check_window(voice: Participant, message: str, window: int) -> None:
    """What is never left out of a prompt has to fit the model."""
    tokens = text_tokens(voice.system_prompt) + text_tokens(message)
    if tokens >= window:
        raise ContextTooLong(voice.model, tokens, window)
