"""A question as a run: a conversation with one answer, kept for an hour (docs/protocol.md section 9)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from gateway.access.callers import Caller
from gateway.errors import ContextTooLong
from gateway.starts.planning import new_run
from gateway.starts.service import new_seed
from shared.contracts.enums import RunKind
from shared.contracts.money import to_nanos
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings, GivenMessage, Participant, RunSettings
from shared.contracts.timestamps import now
from shared.routing import Router
from shared.routing.estimates import reserved_nanos
from shared.routing.text_tokens import text_tokens
from shared.settings import LimitSettings

KEPT: Final = timedelta(hours=1)
BUDGET_USD: Final = 10.0
"""No bound but a net: an answer costs what its tokens cost, and they are bounded."""

PERSON: Final = {"name": "Person", "system_prompt": "", "tools": (), "answer_format": None}
UNREAD_AT_ONCE: Final = 0.0
UNREAD_FOR_A_RECONNECT: Final = 20.0


def answer_settings(
    participant: Participant,
    given: Sequence[GivenMessage],
    *,
    time_limit_seconds: float,
    orphan_seconds: float = UNREAD_AT_ONCE,
    budget_usd: float = BUDGET_USD,
) -> RunSettings:
    """How a question is answered: by `participant`, after what is `given`, the person's last message included.

    Where it has no seed of its own the same question may get another answer each time.
    """
    scenario = ConversationSettings(
        agent=participant,
        opponent=participant.model_copy(
            update={"name": "Person", "system_prompt": "", "tools": (), "answer_format": None}
        ),
        given=tuple(given),
        message_limit=len(given) + 1,
        time_limit_seconds=time_limit_seconds,
        orphan_seconds=orphan_seconds,
    )
    return RunSettings(
        kind=RunKind.ASSIST,
        total=1,
        concurrency=1,
        scenarios=(scenario,),
        seed=new_seed(),
        max_budget_nanos=to_nanos(budget_usd),
        time_limit_seconds=time_limit_seconds,
    )


def answer_run(settings: RunSettings, caller: Caller, parent: str | None = None) -> Run:
    """The run of a question; `parent` is the run whose report it is about."""
    moment = now()
    return new_run(settings, caller, moment, parent=parent).model_copy(update={"expires_at": moment + KEPT})


def answer_seq(run: Run) -> int:
    """Where the answer of a run of one answer stands."""
    return len(run.settings.scenarios[0].given) + 1


def prompt_tokens(settings: RunSettings) -> int:
    """The tokens a question is expected to have, by its length."""
    scenario = settings.scenarios[0]
    texts = [scenario.agent.system_prompt, *(given.content for given in scenario.given)]
    outputs = [result.output for given in scenario.given for result in given.tool_results]
    return sum(text_tokens(text) for text in [*texts, *outputs])


def check_window(settings: RunSettings, router: Router) -> None:
    """Raises ContextTooLong for a question that its model cannot take."""
    agent = settings.scenarios[0].agent
    window = router.first(agent.pinned).entry.context_window
    tokens = prompt_tokens(settings)
    if tokens > window:
        raise ContextTooLong(agent.model, tokens, window)


def estimated_nanos(settings: RunSettings, router: Router, limits: LimitSettings) -> int:
    """What an answer is expected to cost."""
    agent = settings.scenarios[0].agent
    route = router.first(agent.pinned)
    return reserved_nanos(route, agent.max_tokens, prompt_tokens(settings), limits.reserved_output_tokens)
