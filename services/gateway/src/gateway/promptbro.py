"""PromptBro's steps as runs: a conversation with one answer (spec/turn-protocol.md section 9). Pure."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.fields import Body, Goal, Name, Prompt
from shared.contracts.money import to_nanos
from shared.contracts.settings import ConversationSettings, GivenMessage, Participant, RunSettings
from shared.contracts.words import RunKind, Side, Tier
from shared.routing import Registry
from shared.settings import LimitSettings

TIME_LIMIT_SECONDS: Final = 60.0
BUDGET_USD: Final = 0.05
WHO: Final = "You are PromptBro, a guide for writing prompts."
INSTRUCTIONS: Final = {
    "brief": (
        "Turn what the person tells you into a short brief for the prompt of an AI agent: its goal, its audience, "
        "its tone, and what it must not forget. Write only the brief."
    ),
    "section": (
        "Write the one section of a prompt that the person asks for, so that it can be pasted as it is: concrete "
        "instructions, in the order they are followed. Write only the section."
    ),
    "rewrite": (
        "Rewrite the prompt the person gives you so that an AI agent follows it better: keep what it wants, make "
        "every instruction concrete, add what is missing for its goal. Write only the new prompt."
    ),
}
NOT_OFFERED_YET: Final = ("criteria", "from-report")


class AssistContext(Body):
    """What the prompt is for."""

    goal: Goal | None = None
    audience: Goal | None = None
    tone: Goal | None = None
    constraints: Goal | None = None


class AssistBody(Body):
    """One step of the guide."""

    step: Literal["brief", "section", "rewrite", "criteria", "from-report"]
    input: Prompt
    section: Name | None = None
    context: Annotated[AssistContext | None, Field()] = None
    provider: Name | None = None
    model: Name | None = None


def assist_settings(body: AssistBody, registry: Registry, limits: LimitSettings) -> RunSettings:
    """How the step is played. Raises InvalidRequest for a step that is not offered, UnknownModel."""
    if body.step in NOT_OFFERED_YET:
        raise InvalidRequest(FieldProblem("step", "is not offered here yet", list(INSTRUCTIONS)))
    route = registry.route(body.provider, body.model, Tier.STANDARD)
    most = registry.entry(route).max_output_tokens
    voice: dict[str, Any] = {
        "provider": route.provider,
        "model": route.model,
        "max_tokens": min(limits.assist_max_tokens, most),
    }
    scenario = ConversationSettings(
        agent=Participant(name="PromptBro", system_prompt=_instructions(body), **voice),
        opponent=Participant(name="Author", system_prompt="", **voice),
        given=(GivenMessage(side=Side.OPPONENT, content=_question(body)),),
        message_limit=2,
        time_limit_seconds=TIME_LIMIT_SECONDS,
    )
    return RunSettings(
        kind=RunKind.ASSIST,
        total=1,
        concurrency=1,
        scenarios=(scenario,),
        max_budget_nanos=to_nanos(BUDGET_USD),
        time_limit_seconds=TIME_LIMIT_SECONDS,
    )


def _instructions(body: AssistBody) -> str:
    context = body.context or AssistContext()
    lines = [
        f"{name.capitalize()}: {value}" for name in AssistContext.model_fields if (value := getattr(context, name))
    ]
    about = ["", "What is known of the agent:", *lines] if lines else []
    return "\n".join([WHO, INSTRUCTIONS[body.step], *about])


def _question(body: AssistBody) -> str:
    section = [f"Section: {body.section}"] if body.section else []
    return "\n".join([f"Step: {body.step}", *section, "Input:", body.input])
