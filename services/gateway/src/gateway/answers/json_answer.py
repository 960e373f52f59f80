"""A whole answer as one JSON object, for whoever asked for no stream. Pure."""

from starlette.responses import JSONResponse

from gateway.answers.answer_events import Answered
from gateway.answers.answer_text import STOPPED
from gateway.answers.formats import AnswerContext, finish_reason, input_of, metadata


def json_answer(about: AnswerContext, answered: Answered, headers: dict[str, str]) -> JSONResponse:
    """The answer, which names the model that made it and says whether another one was to."""
    message = answered.message
    fallback = (message.get("provider"), message.get("model")) != (about.provider, about.model)
    known = {"X-Model-Name": message.get("model") or about.model, "X-Fallback-Used": str(fallback).lower()}
    return JSONResponse(_shown(about, answered), headers=headers | known)


def _shown(about: AnswerContext, answered: Answered) -> dict[str, object]:
    calls = answered.message.get("toolCalls") or []
    return {
        "id": about.message_id,
        "conversationId": about.chat_id,
        "seq": about.seq,
        "role": "assistant",
        "content": answered.content,
        "finishReason": STOPPED if answered.finish_reason == STOPPED else finish_reason(answered),
        "toolCalls": [{"toolCallId": call["id"], "toolName": call["name"], "input": input_of(call)} for call in calls],
        **metadata(about, answered.message),
    }
