"""What a run's account says to a look: control, deadline, and which of its requests were granted. Pure."""

from dataclasses import replace
from datetime import timedelta

from orchestrator.asking import Request, judge_place
from orchestrator.decide import ConversationFacts, Effect, RequestJudge, RequestMemory, RequestMessage
from orchestrator.facts import Gathered
from shared.storage.run_accounts import Glance


def granted(hoped: tuple[Effect, ...], glance: Glance) -> frozenset[Request]:
    """The requests whose slot holds their seq, or has gone past it."""
    return frozenset(
        effect
        for effect in hoped
        if (isinstance(effect, RequestMessage) and glance.slots.turn >= effect.seq)
        or (isinstance(effect, RequestJudge) and glance.slots.judge >= judge_place(effect.seq, effect.stage))
        or (isinstance(effect, RequestMemory) and glance.slots.judge >= effect.seq)
    )


def with_glance(gathered: Gathered, glance: Glance, hoped: tuple[Effect, ...]) -> ConversationFacts:
    """The facts with what the run said: control, deadline, and which message the budget refused."""
    facts = gathered.facts
    limit = timedelta(seconds=facts.settings.time_limit_seconds + glance.paused_seconds)
    taken = granted(hoped, glance)
    refused = {e.seq for e in hoped if isinstance(e, RequestMessage) and e not in taken}
    return replace(
        facts,
        wanted=glance.control.wanted,
        deadline_at=min(glance.due_at, gathered.clock_started_at + limit),
        refused=frozenset(refused),
    )
