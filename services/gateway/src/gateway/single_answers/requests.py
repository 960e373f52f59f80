"""What /api/llm is asked, and the run it becomes."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field

from gateway.chat.bounds import check_new
from gateway.chat.wire_messages import merged, read_messages, system_prompt
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.chat import NEW_MESSAGES
from gateway.schemas.conditions import exactly_one
from gateway.schemas.fields import Prompt
from gateway.schemas.posted import Posted
from gateway.settings import GatewaySettings
from gateway.single_answers.runs import UNREAD_FOR_A_RECONNECT, answer_settings, check_window
from gateway.single_answers.voices import VoiceFields, voice_of
from shared.contracts.settings import GivenMessage, RunSettings
from shared.contracts.words import Side
from shared.routing import Router

TIME_LIMIT_SECONDS: Final = 300.0


class QuestionBody(VoiceFields):
    """A prompt alone, or messages of which the last is the question."""

    model_config = ConfigDict(json_schema_extra=exactly_one("prompt", "messages"))

    prompt: Prompt | None = None
    messages: Annotated[Posted, Field(max_length=NEW_MESSAGES)] | None = None


def question(body: QuestionBody, router: Router, settings: GatewaySettings) -> RunSettings:
    """How the question is answered. Raises InvalidRequest, ContextTooLong, UnknownModel."""
    given, instructions = _said(body)
    warmth, most = settings.temperature, settings.chat_max_tokens
    voice = voice_of(body, body.system or instructions, router, temperature=warmth, most=most)
    asked = answer_settings(voice, given, time_limit_seconds=TIME_LIMIT_SECONDS, orphan_seconds=UNREAD_FOR_A_RECONNECT)
    check_window(asked, router)
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
