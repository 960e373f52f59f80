"""An answer of OpenAI's chat completions, streamed or whole, as many providers write it more or less."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from llm_runner.providers.dialects.frames import AnswerFrames
from llm_runner.providers.dialects.openai_chat.counts import counts_of
from llm_runner.providers.dialects.openai_chat.errors import error_frame
from llm_runner.providers.dialects.openai_chat.messages import text_and_reasoning, tool_calls
from llm_runner.providers.dialects.think_tags import ThinkTags
from llm_runner.providers.provider import Chunk, Malformed, ProviderFailure
from llm_runner.providers.received import finished, parsed
from llm_runner.providers.target import Target
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason

END = b"[DONE]"
Frame = dict[str, Any]


class ChatDecoder:
    """Decodes one answer of a target: each frame holds a chunk as JSON, and `[DONE]`, where it comes, ends it."""

    def __init__(self, target: Target) -> None:
        self.ended = False
        self._provider = target.provider
        self._withholds = target.quirks.empty_is_withheld
        self._frames = AnswerFrames(target.provider)
        self._failure: ProviderFailure | None = None
        self._tags: ThinkTags | None = ThinkTags(starts_inside=target.quirks.starts_thinking)
        self._said_end = False
        self._refused = False

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that `piece` completes, in their order; texts that follow each other are one. Raises Malformed."""
        return self._chunks(self._frames.feed(piece))

    def end(self) -> list[Chunk]:
        """The rest: a frame that lacks its last empty line, or the whole body. Raises ProviderFailure, Malformed."""
        marked = self.ended
        chunks = [] if marked else self._last()
        if self._failure is not None:
            raise self._failure
        chunks += self._unheld()
        if not self._said_end and (marked or self.ended or self._frames.whole):
            # It is whole, and nobody says why it ended.
            chunks.append(Chunk(finish_reason=FinishReason.UNKNOWN))
        return chunks

    def _last(self) -> list[Chunk]:
        chunks = self._chunks(self._frames.end())
        if self._failure is not None and self._failure.family is Family.PROTOCOL and not self._frames.whole:
            # The half of a frame: the connection ended before it did.
            self._failure = ProviderFailure(Family.CUT, f"{self._provider} ended its answer in the middle of a frame")
        return chunks

    def _chunks(self, frames: Iterable[bytes]) -> list[Chunk]:
        chunks: list[Chunk] = []
        texts: list[str] = []
        try:
            for data in frames:
                if data == END:
                    self.ended = True
                    break
                read = self._read(data)
                if isinstance(read, str):
                    texts.append(read)
                    continue
                if texts:
                    chunks.append(Chunk("".join(texts)))
                    texts = []
                if read is not None:
                    chunks.append(read)
        except ProviderFailure as failure:
            # What came before it counts.
            self._failure, self.ended = failure, True
        if texts:
            chunks.append(Chunk("".join(texts)))
        return chunks

    def _read(self, data: bytes) -> Chunk | str | None:
        """What a frame holds: a text, or anything else. Raises ProviderFailure for what is not of OpenAI's shape."""
        try:
            frame = parsed(data) if data.strip() else {}
            text = _plain_text(frame)
            if text is None:
                return self._whole(frame[0] if isinstance(frame, list) and frame else frame)
            return text if self._tags is None else self._untagged(text)
        except (Malformed, AttributeError, KeyError, IndexError, TypeError) as malformed:
            message = f"{self._provider} sent a chunk that is not of OpenAI's shape"
            raise ProviderFailure(Family.PROTOCOL, message) from malformed

    def _untagged(self, text: str) -> Chunk | str:
        """A text without what its model thought."""
        if self._tags is None:
            return text
        text, thought = self._tags.feed(text)
        if self._tags.done:
            self._tags = None
        return Chunk(text, reasoning=thought) if thought else text

    def _whole(self, frame: Any) -> Chunk | None:
        """A frame with more than text. Raises ProviderFailure for an error, wherever it stands."""
        choices = frame.get("choices")
        choice = choices[0] if choices else None
        if error := _error(frame, choice):
            # Beside an error that is one sentence stands of which kind it is.
            raise error_frame(frame if isinstance(error, str) else error, self._provider)
        if choice is None:
            withheld = self._withholds and choices is not None and self._frames.whole
            reason = FinishReason.CONTENT_FILTER if withheld else None
            self._said_end = self._said_end or withheld
            return Chunk(finish_reason=reason, tokens=counts_of(frame, None))
        message = choice.get("delta") or choice.get("message") or {}
        text, thought = text_and_reasoning(message)
        refusal = message.get("refusal")
        self._refused = self._refused or bool(refusal)
        shown = self._untagged(text or refusal or "")
        reason, raw = self._ended(choice.get("finish_reason"))
        chunk = shown if isinstance(shown, Chunk) else Chunk(shown)
        return replace(
            chunk,
            finish_reason=reason,
            tokens=counts_of(frame, choice),
            tool_calls=tool_calls(message),
            reasoning=chunk.reasoning + thought,
            raw_finish_reason=raw,
        )

    def _ended(self, value: object) -> tuple[FinishReason | None, str | None]:
        reason, raw = finished(value) or (None, None)
        self._said_end = self._said_end or reason is not None
        return FinishReason.REFUSAL if self._refused and reason is FinishReason.STOP else reason, raw

    def _unheld(self) -> list[Chunk]:
        """What may have been the beginning of a tag, and was none."""
        if self._tags is None:
            return []
        text, thought = self._tags.end()
        return [Chunk(text, reasoning=thought)] if text or thought else []


def _plain_text(frame: Any) -> str | None:
    """The text of a frame that says nothing else, as nearly every one; None for any other."""
    choice = frame["choices"][0] if type(frame) is dict and frame.get("choices") else None
    if choice is None or choice.get("finish_reason") or frame.get("usage") or "x_groq" in frame or "error" in frame:
        return None
    delta = choice.get("delta")
    if not delta or len(delta) > 1 + ("role" in delta) or "error" in choice or "usage" in choice:
        return None
    content = delta.get("content")
    return content if type(content) is str else None


def _error(frame: Frame, choice: Frame | None) -> object:
    """The error that stands in a frame or in its choice, or that the frame is."""
    if frame.get("error"):
        return frame["error"]
    if choice is not None and choice.get("error"):
        return choice["error"]
    return frame if frame.get("object") == "error" or frame.get("type") == "error" else None
