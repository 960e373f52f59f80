"""PromptBro's steps: what each asks of the model.

The instructions know the words agents are judged by, so that what is written can be tested here as it is.
"""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from gateway.casting.participants import Casting, TokenBound
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.conditions import sent, sent_as
from gateway.schemas.fields import NOT_BLANK, PROMPT_LENGTH, Body, ClientId, Goal, Name
from gateway.single_answers.runs import answer_settings, check_window
from shared.contracts.enums import FailureTag, Side
from shared.contracts.framing import behind, one_line
from shared.contracts.routes import RouteWish
from shared.contracts.settings import GivenMessage, RunSettings
from shared.settings import LimitSettings

Step = Literal["brief", "section", "rewrite", "criteria", "from-report"]

TIME_LIMIT_SECONDS: Final = 60.0
BUDGET_USD: Final = 0.05
WHO: Final = "You are PromptBro, a guide for writing prompts."
FAILURES: Final = {
    FailureTag.MISSING_INFORMATION: "did not ask for, or did not give, what was needed",
    FailureTag.NO_CONFIRMATION: "never confirmed the result in plain words",
    FailureTag.WRONG_ANSWER: "said something false",
    FailureTag.IGNORED_REQUEST: "passed over what it was asked",
    FailureTag.OFF_TOPIC: "talked about something else",
    FailureTag.REFUSED: "refused to help",
    FailureTag.REPEATED: "said the same again",
    FailureTag.GAVE_UP: "stopped trying",
    FailureTag.TONE: "took the wrong tone",
    FailureTag.OTHER: "anything else",
}
JUDGED: Final = "\n".join(
    [
        "How the agent will be judged: it talks to simulated people and has to reach its goal, which says in words "
        "what success means. Criteria are a checklist for that: each is one thing that a message of the agent shows or "
        "does not show, so that a judge can prove it by quoting that message. Conversations that miss the goal are "
        "sorted by:",
        *(f"- {tag.value}: the agent {meaning}" for tag, meaning in FAILURES.items()),
    ]
)
INSTRUCTIONS: Final[dict[Step, str]] = {
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
    "criteria": (
        "Derive from the goal or prompt the person gives you the checklist an AI agent is to be judged by: 3 to 7 "
        "criteria, none that says the same as another, required only what the goal cannot do without. Answer with one "
        'JSON object and nothing else: {"criteria": [{"id": "short-name", "text": "The agent ...", "required": true}]}'
    ),
    "from-report": (
        "Rewrite the prompt the person gives you so that the agent no longer fails in the ways its report names: keep "
        "what works, and give for each failure a concrete instruction that prevents it, in general words that do not "
        "speak of the tested conversations. Write only the new prompt."
    ),
}


class AssistContext(Body):
    """What the prompt is for."""

    goal: Goal | None = None
    audience: Goal | None = None
    tone: Goal | None = None
    constraints: Goal | None = None


class AssistBody(Body):
    """One step of the guide. Without `input` the step `from-report` betters the prompt that was tested."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": sent_as("step", "from-report"),
            "then": sent("reportRunId"),
            "else": {"required": ["input"], "properties": {"input": {**NOT_BLANK}}},
        }
    )

    step: Step
    input: Annotated[str, Field(max_length=PROMPT_LENGTH)] = ""
    section: Name | None = None
    context: AssistContext | None = None
    provider: Name | None = None
    model: Name | None = None
    report_run_id: ClientId | None = None


def check_input(body: AssistBody) -> None:
    """Raises InvalidRequest for a step without what it works on."""
    if body.step == "from-report":
        if body.report_run_id is None:
            raise InvalidRequest(FieldProblem("reportRunId", "is required: the run whose report is the beginning"))
    elif not body.input.strip():
        raise InvalidRequest(FieldProblem("input", "must not be empty", 1))


def assist_settings(
    body: AssistBody,
    casting: Casting,
    limits: LimitSettings,
    *,
    orphan_seconds: float,
    material: str | None = None,
) -> RunSettings:
    """How a step is played; `material` is what a report says, for the step that begins with one.

    It goes into the user's message, before what that ends with: words of conversations are nobody's instructions.

    Raises InvalidRequest, ContextTooLong and UnknownModel.
    """
    participant = casting.participant(
        RouteWish(provider=body.provider, model=body.model),
        name="PromptBro",
        system_prompt=_instructions(body),
        tokens=TokenBound(None, limits.assist_max_tokens),
    )
    settings = answer_settings(
        participant,
        [GivenMessage(side=Side.OPPONENT, content=_question(body, material))],
        time_limit_seconds=TIME_LIMIT_SECONDS,
        orphan_seconds=orphan_seconds,
        budget_usd=BUDGET_USD,
    )
    check_window(settings, casting.router)
    return settings


def _instructions(body: AssistBody) -> str:
    context = body.context or AssistContext()
    lines = [
        f"{name.capitalize()}: {behind(value)}"
        for name in AssistContext.model_fields
        if (value := getattr(context, name))
    ]
    about = ["", "What is known of the agent:", *lines] if lines else []
    return "\n".join([WHO, INSTRUCTIONS[body.step], "", JUDGED, *about])


def _question(body: AssistBody, material: str | None) -> str:
    section = [f"Section: {one_line(body.section)}"] if body.section else []
    report = ["Report:", material] if material else []
    return "\n".join([f"Step: {body.step}", *section, *report, "Input:", body.input])
