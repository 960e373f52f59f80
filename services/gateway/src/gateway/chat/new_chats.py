"""How a chat is played, from its first request."""

from datetime import datetime, timedelta
from typing import Final

from gateway.access.callers import Caller
from gateway.casting.agents import load_agent
from gateway.casting.participants import Casting, TokenBound, asked_wish
from gateway.chat.validation import check_new
from gateway.chat.wire_messages import SentMessage, merged, system_prompt
from gateway.errors import ContextTooLong, FieldProblem, InvalidRequest
from gateway.schemas.chat import ChatBody
from gateway.schemas.fields import LARGEST_BUDGET_USD
from gateway.settings import GatewaySettings
from gateway.starts.planning import new_run
from shared.contracts.agents import Agent
from shared.contracts.enums import RunKind, Side
from shared.contracts.money import to_nanos
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings, Participant, RunSettings
from shared.contracts.timestamps import now
from shared.routing.text_tokens import text_tokens
from shared.storage.owned import StoreOf

NO_END_SECONDS: Final = 100 * 365 * 86_400.0
NO_MESSAGE_LIMIT: Final = 1_000_000


class NewChats:
    """Makes the runs of chats that begin."""

    def __init__(self, store_of: StoreOf, casting: Casting, settings: GatewaySettings) -> None:
        self._store_of = store_of
        self._casting = casting
        self._settings = settings

    async def run(self, caller: Caller, body: ChatBody, sent: list[SentMessage], *, leaves_for_good: bool) -> Run:
        """The run of a new chat. One whose reader does not come again is not written on without it.

        Raises what `new_chat` and `check_new` raise, and NotFound for an agent that is not the caller's.
        """
        check_new(sent)
        agent = None
        if body.agent_id:
            agent = await load_agent(self._store_of(caller.owner), (body.agent_id, body.agent_version))
        orphan_seconds = 0.0 if leaves_for_good else self._settings.chat_orphan_seconds
        return new_chat(body, sent, agent, caller, self._casting, self._settings, now(), orphan_seconds)


def new_chat(
    body: ChatBody,
    sent: list[SentMessage],
    agent: Agent | None,
    caller: Caller,
    casting: Casting,
    settings: GatewaySettings,
    moment: datetime,
    orphan_seconds: float,
) -> Run:
    """The run of a new chat: what the request brought is given. Raises InvalidRequest, ContextTooLong, UnknownModel."""
    given = tuple(merged(sent))
    if not given or given[-1].side is not Side.OPPONENT:
        raise InvalidRequest(FieldProblem("messages", "must end with a message to be answered"))
    participant = _participant(body, sent, agent, casting, settings)
    _check_window(participant, given[-1].content, casting.router.first(participant.pinned).entry.context_window)
    scenario = ConversationSettings(
        agent=participant,
        opponent=Participant(name="Person", system_prompt="", provider=participant.provider, model=participant.model),
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
    run = new_run(played, caller, moment, client_id=body.chat)
    asked = {
        "asked_seq": len(given),
        "asked_at": moment,
        "expires_at": moment + timedelta(days=settings.chat_days_kept),
    }
    return run.model_copy(update=asked)


def _participant(
    body: ChatBody, sent: list[SentMessage], agent: Agent | None, casting: Casting, settings: GatewaySettings
) -> Participant:
    """Who answers: the agent that is named, with what the request says otherwise; else one of the request's own."""
    participant = casting.participant(
        asked_wish(body),
        agent,
        system_prompt=body.system or (agent.system_prompt if agent else "") or system_prompt(sent),
        temperature=body.temperature,
        tokens=TokenBound(body.max_tokens, settings.chat_max_tokens),
        stop=body.stop,
    )
    return participant.model_copy(update={"tools": agent.tools}) if agent else participant


def _check_window(participant: Participant, message: str, window: int) -> None:
    """What is never left out of a prompt has to fit the model."""
    tokens = text_tokens(participant.system_prompt) + text_tokens(message)
    if tokens >= window:
        raise ContextTooLong(participant.model, tokens, window)
