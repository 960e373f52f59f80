"""What /api/llm is asked, and the run it becomes."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from gateway.casting.participants import Casting, TokenBound, asked_wish
from gateway.chat.validation import check_new
from gateway.chat.wire_messages import merged, read_messages, system_prompt
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.agents import Stop
from gateway.schemas.chat import NEW_MESSAGES
from gateway.schemas.conditions import exactly_one
from gateway.schemas.fields import Body, MaxTokens, Name, Prompt, Temperature, TierWord
from gateway.schemas.posted_messages import Posted
from gateway.settings import GatewaySettings
from gateway.single_answers.runs import UNREAD_FOR_A_RECONNECT, answer_settings, check_window
from shared.contracts.enums import Side
from shared.contracts.settings import GivenMessage, RunSettings

TIME_LIMIT_SECONDS: Final = 300.0


class QuestionBody(Body):
    """A prompt alone, or messages of which the last is the question."""

    model_config = ConfigDict(json_schema_extra=exactly_one("prompt", "messages"))

    provider: Name | None = None
    model: Name | None = None
    tier: TierWord | None = None
    complexity: Literal["simple", "medium", "complex"] | None = None
    system: Prompt | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    stop: Stop | None = None
    prompt: Prompt | None = None
    messages: Annotated[Posted, Field(max_length=NEW_MESSAGES)] | None = None


def question(body: QuestionBody, casting: Casting, settings: GatewaySettings) -> RunSettings:
    """How the question is answered. Raises InvalidRequest, ContextTooLong, UnknownModel."""
    given, instructions = _said(body)
    participant = casting.participant(
        asked_wish(body),
        system_prompt=body.system or instructions,
        temperature=body.temperature,
        tokens=TokenBound(body.max_tokens, settings.chat_max_tokens),
        stop=body.stop,
    )
    asked = answer_settings(
        participant, given, time_limit_seconds=TIME_LIMIT_SECONDS, orphan_seconds=UNREAD_FOR_A_RECONNECT
    )
    check_window(asked, casting.router)
    return asked


def _said(body: QuestionBody) -> tuple[list[GivenMessage], str]:
    """What stands before the answer, and what system messages say."""
    if (body.prompt is None) == (body.messages is None):
        raise InvalidRequest(FieldProblem("prompt", "is required, or messages in its place: send one of them"))
    if body.prompt is not None:
        return [GivenMessage(side=Side.OPPONENT, content=body.prompt)], ""
    sent = read_messages(body.messages or [])
    check_new(sent)
    given = merged(sent)
    if not given or given[-1].side is not Side.OPPONENT:
        raise InvalidRequest(FieldProblem("messages", "must end with a user's message: that is what is answered"))
    return given, system_prompt(sent)
