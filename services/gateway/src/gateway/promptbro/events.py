"""PromptBro's events: `token` ..., then `done` with the whole text, or `failed` (`error` is EventSource's own)."""

from gateway.answers.answer_events import Answered
from gateway.event_stream.log.frames import named_json
from gateway.single_answers.formats import ResumableFormat, cut_short
from shared.contracts.transcript import Failure


class AssistEvents(ResumableFormat):
    """`done` brings the whole text: where it is not what the tokens said, it is what counts."""

    mends = True

    def text(self, text: str) -> bytes:
        return self._event("token", {"token": text})

    def done(self, answered: Answered) -> bytes:
        usage = {name: answered.message[name] for name in ("promptTokens", "completionTokens", "costUsd")}
        return self._event("done", {"text": answered.content, "usage": usage, **cut_short(answered)})

    def failed(self, failure: Failure) -> bytes:
        return self._event("failed", {"error": failure.code, "message": failure.message})

    def _event(self, name: str, value: dict[str, object]) -> bytes:
        return named_json(name, value, self.identity)
