"""Answers in OpenAI's shapes: a completion, and its chunks. Pure."""

from typing import Any, Final

from gateway.answers.answer_events import Answered
from gateway.answers.failures import status_of
from gateway.answers.formats import compact
from gateway.http.error_shapes import openai_error
from gateway.single_answers.formats import PlainFormat
from shared.contracts.enums import FinishReason
from shared.contracts.runs import Run
from shared.contracts.transcript import Failure

FINISH_REASONS: Final = {
    "length": "length",
    "tool-calls": "tool_calls",
    "content-filter": "content_filter",
    "content_filter": "content_filter",
}
END: Final = b"data: [DONE]\n\n"


class CompletionChunks(PlainFormat):
    """`chat.completion.chunk`s, then `[DONE]`; a failure is `data: {"error": {...}}`, and then `[DONE]` too."""

    def __init__(self, run: Run, *, includes_usage: bool) -> None:
        super().__init__()
        self._head = _head(run, "chat.completion.chunk")
        self._includes_usage = includes_usage

    def begin(self, sequence: int) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def done(self, answered: Answered) -> bytes:
        calls = [call | {"index": index} for index, call in enumerate(_tool_calls(answered))]
        tools = self._chunk({"tool_calls": calls}) if calls else b""
        # That it is a refusal is known at the end of its text only.
        refusal = self._chunk({"refusal": answered.content}) if _refused(answered) else b""
        end = self._chunk({}, finish_reason(answered))
        usage = _data(self._head | {"choices": [], "usage": _usage(answered)}) if self._includes_usage else b""
        return tools + refusal + end + usage + END

    def failed(self, failure: Failure) -> bytes:
        # What OpenAI's clients read of it depends on its status, which is out already.
        error = openai_error(failure.code, failure.message, status_of(failure), failure.family)
        return _data({"error": error}) + END

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self._includes_usage else {}
        return _data(self._head | {"choices": [choice]} | usage)


def completion(run: Run, answered: Answered) -> dict[str, Any]:
    """The whole answer."""
    calls = _tool_calls(answered)
    content, refusal = answered.content or (None if calls else ""), None
    if _refused(answered):
        content, refusal = None, answered.content
    message = {"role": "assistant", "content": content, "refusal": refusal}
    choice = {
        "index": 0,
        "message": message | ({"tool_calls": calls} if calls else {}),
        "logprobs": None,
        "finish_reason": finish_reason(answered),
    }
    return _head(run, "chat.completion") | {"choices": [choice], "usage": _usage(answered)}


def finish_reason(answered: Answered) -> str:
    """Why the model stopped, in OpenAI's words."""
    return FINISH_REASONS.get(answered.finish_reason or "", "stop")


def _refused(answered: Answered) -> bool:
    return answered.finish_reason == FinishReason.REFUSAL and bool(answered.content)


def _head(run: Run, kind: str) -> dict[str, Any]:
    agent = run.settings.scenarios[0].agent
    created = int(run.created_at.timestamp())
    return {
        "id": f"chatcmpl-{run.id}",
        "object": kind,
        "created": created,
        "model": f"{agent.provider}/{agent.model}",
    }


def _tool_calls(answered: Answered) -> list[dict[str, Any]]:
    return [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["input"]}}
        for call in answered.message.get("toolCalls") or ()
    ]


def _usage(answered: Answered) -> dict[str, int]:
    prompt, completion = answered.message["promptTokens"], answered.message["completionTokens"]
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _data(value: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % compact(value)
