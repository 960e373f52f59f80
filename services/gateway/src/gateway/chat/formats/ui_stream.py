"""The AI SDK's UI message stream (versions 5, 6 and 7). Pure.

The chunks an event may become have fixed places (`positions.py`):

    text:     0-2 the text before it is taken back   3 text-start   4 text-delta   5 text-delta of a whole text
    ending:   6 text-end   7 start-step   8.. tools   9000 finish-step   9001 message-metadata
              9002 finish, error or abort   9003 [DONE]

A text is named for the event it began at: so it has one name on every replica. A `message` that tells the whole text
because every delta was lost says so by its place: whoever goes on after that has no text from the deltas.
"""

from typing import Any, Final

from gateway.answers.answer_events import Answered, AnswerEvent, Closed, escaped
from gateway.answers.answer_text import ERROR, STOPPED, AnswerText, TextUpdate
from gateway.answers.formats import AnswerContext, compact, failure, finish_reason, input_of, metadata
from gateway.answers.positions import END, ChunkEncoder

HEADERS: Final = {"x-vercel-ai-ui-message-stream": "v1"}
BACK, START_STEP, TEXT_START, TEXT_DELTA, WHOLE_TEXT, TEXT_END, TOOL_STEP, TOOLS = 0, 2, 3, 4, 5, 6, 7, 8
METADATA, TERMINAL, DONE = END + 1, END + 2, END + 3
_START_STEP: Final = compact({"type": "start-step"})
_FINISH_STEP: Final = compact({"type": "finish-step"})


class UiStream:
    """Writes one answer. `resets` says that the client knows `reset-step` (AI SDK 7); older ones get a new step."""

    broken = False

    def __init__(self, about: AnswerContext, encoder: ChunkEncoder, resets: bool) -> None:
        self._about = about
        self._encoder = encoder
        self._resets = resets
        self._answer_text = AnswerText()
        self._in_step = False
        self._text_began: int | None = None
        self.ended = False

    def begin(self, sequence: int) -> bytes:
        about = self._about
        known = {"chatId": about.chat_id, "seq": about.seq, "provider": about.provider, "model": about.model}
        known["tier"] = about.tier(about.provider, about.model)
        start = {"type": "start", "messageId": about.message_id, "messageMetadata": known}
        # A client that has a later chunk has this one, whatever its id.
        return b"" if self._encoder.resumed else self._encoder.encode(sequence, 0, compact(start))

    def write(self, event: AnswerEvent) -> bytes:
        update = self._answer_text.apply(event)
        if isinstance(event, Answered):
            return b"".join((self._healed(event, update), *self._answered(event)))
        chunks = [self._taken_back(event.sequence)] if update.anew else []
        if update.text:
            chunks.append(self._text(event.sequence, update.text, TEXT_DELTA))
        if isinstance(event, Closed):
            chunks += self._ending(event.sequence, None, {"type": "error", "errorText": event.sentence})
        return b"".join(chunks)

    def _healed(self, answered: Answered, update: TextUpdate) -> bytes:
        """What the message tells beyond the deltas. A client that was just being told all of it is told all of it."""
        sequence, has = answered.sequence, self._encoder.place_in(answered.sequence)
        if has is not None and has < TEXT_END and has != TEXT_DELTA:
            self._in_step = True
            self._text_began = sequence if has < START_STEP else None
            update = TextUpdate(has < START_STEP, escaped(answered.content))
        back = self._taken_back(sequence) if update.anew else b""
        place = WHOLE_TEXT if self._text_began is None else TEXT_DELTA
        return back + (self._text(sequence, update.text, place) if update.text else b"")

    def _taken_back(self, sequence: int) -> bytes:
        if self._resets:
            self._text_began = None
            return self._encoder.encode(sequence, BACK, compact({"type": "reset-step"}))
        return b"".join(
            (
                self._text_end(sequence, BACK),
                self._step_end(sequence, BACK + 1),
                self._step_start(sequence, START_STEP),
            )
        )

    def _text(self, sequence: int, text: bytes, place: int) -> bytes:
        step = self._step_start(sequence, START_STEP)
        begun = b""
        if self._text_began is None:
            self._text_began = sequence
            start = b'{"type":"text-start","id":"text-%d"}' % sequence
            begun = self._encoder.encode(sequence, TEXT_START, start)
        delta = b'{"type":"text-delta","id":"text-%d","delta":"%s"}' % (self._text_began, text)
        return step + begun + self._encoder.encode(sequence, place, delta)

    def _answered(self, answered: Answered) -> list[bytes]:
        known = metadata(self._about, answered.message)
        if answered.finish_reason == ERROR:
            last: dict[str, object] = {"type": "error", "errorText": failure(answered)[1]}
        elif answered.finish_reason == STOPPED:
            last = {"type": "abort", "reason": "The answer was stopped."}
        else:
            last = {"type": "finish", "finishReason": finish_reason(answered)}
        tools = self._tools(answered.sequence, answered.message.get("toolCalls") or [])
        return [*tools, *self._ending(answered.sequence, known, last)]

    def _tools(self, sequence: int, calls: list[dict[str, Any]]) -> list[bytes]:
        if not calls:
            return []
        chunks = [self._text_end(sequence, TEXT_END), self._step_start(sequence, TOOL_STEP)]
        for number, call in enumerate(calls):
            asked = {"toolCallId": call["id"], "toolName": call["name"]}
            begun = {"type": "tool-input-start", **asked, "dynamic": True}
            whole = {"type": "tool-input-available", **asked, "input": input_of(call), "dynamic": True}
            chunks.append(self._encoder.encode(sequence, TOOLS + 2 * number, compact(begun)))
            chunks.append(self._encoder.encode(sequence, TOOLS + 2 * number + 1, compact(whole)))
        return chunks

    def _ending(self, sequence: int, known: dict[str, object] | None, last: dict[str, object]) -> list[bytes]:
        """Always the same places, so that a client that has any of them misses none and gets none twice."""
        chunks = [self._text_end(sequence, TEXT_END), self._step_end(sequence, END)]
        if known is not None:
            said = {"type": "message-metadata", "messageMetadata": known}
            chunks.append(self._encoder.encode(sequence, METADATA, compact(said)))
        chunks.append(self._encoder.encode(sequence, TERMINAL, compact(last)))
        chunks.append(self._encoder.encode(sequence, DONE, b"[DONE]"))
        self.ended = True
        return chunks

    def _text_end(self, sequence: int, place: int) -> bytes:
        if self._text_began is None:
            return b""
        end = b'{"type":"text-end","id":"text-%d"}' % self._text_began
        self._text_began = None
        return self._encoder.encode(sequence, place, end)

    def _step_start(self, sequence: int, place: int) -> bytes:
        if self._in_step:
            return b""
        self._in_step = True
        return self._encoder.encode(sequence, place, _START_STEP)

    def _step_end(self, sequence: int, place: int) -> bytes:
        if not self._in_step:
            return b""
        self._in_step = False
        return self._encoder.encode(sequence, place, _FINISH_STEP)
