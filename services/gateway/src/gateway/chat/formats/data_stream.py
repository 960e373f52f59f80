"""The data stream of AI SDK 4: one line a part, no comments, no ids. Pure."""

from typing import Any, Final

from gateway.answers.answer_events import Answered, AnswerEvent, Closed
from gateway.answers.answer_text import ERROR, STOPPED, AnswerText
from gateway.answers.formats import INTERRUPTED, AnswerContext, compact, failure, finish_reason, input_of, metadata

HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8", "x-vercel-ai-data-stream": "v1"}


class DataStream:
    """Writes one answer; one whose text has to be taken back ends with an error part."""

    broken = False

    def __init__(self, about: AnswerContext) -> None:
        self._about = about
        self._answer_text = AnswerText()
        self.ended = False

    def begin(self, sequence: int) -> bytes:
        return _part("f", {"messageId": self._about.message_id})

    def write(self, event: AnswerEvent) -> bytes:
        update = self._answer_text.apply(event)
        if update.anew:
            return self._failed(INTERRUPTED[1])
        text = b'0:"%s"\n' % update.text if update.text else b""
        if isinstance(event, Answered):
            return text + self._answered(event)
        return text + self._failed(event.sentence) if isinstance(event, Closed) else text

    def _answered(self, answered: Answered) -> bytes:
        if answered.finish_reason == ERROR:
            return self._failed(failure(answered)[1])
        self.ended = True
        usage = {name: answered.message[name] for name in ("promptTokens", "completionTokens")}
        # The protocol has no word for a stop.
        reason = "other" if answered.finish_reason == STOPPED else finish_reason(answered)
        end: dict[str, Any] = {"finishReason": reason, "usage": usage}
        calls = [
            _part("9", {"toolCallId": call["id"], "toolName": call["name"], "args": input_of(call)})
            for call in answered.message.get("toolCalls") or []
        ]
        known = _part("8", [metadata(self._about, answered.message)])
        return b"".join((*calls, known, _part("e", end | {"isContinued": False}), _part("d", end)))

    def _failed(self, sentence: str) -> bytes:
        self.ended = True
        return _part("3", sentence)


def _part(code: str, value: object) -> bytes:
    return b"%s:%s\n" % (code.encode(), compact(value))
