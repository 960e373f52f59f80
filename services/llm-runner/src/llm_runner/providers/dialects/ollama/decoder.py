"""An answer of Ollama's own chat: a JSON object a line, the last of which says `done`."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llm_runner.providers.dialects.openai_chat.errors import error_frame
from llm_runner.providers.dialects.think_tags import ThinkTags
from llm_runner.providers.provider import Chunk, Malformed, ProviderFailure, TokenCount, ToolCallDelta
from llm_runner.providers.received import count, finished, parsed, tool_call
from llm_runner.providers.target import Target
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason

LONGEST_LINE: Final = 16 * 1024 * 1024
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
LOADED: Final = ("load", "unload")
"""The model was only loaded, or put away: that is no answer."""
SHOWN_CHARACTERS: Final = 200


class LineDecoder:
    """Decodes one answer of a target."""

    def __init__(self, target: Target) -> None:
        self.ended = False
        self._provider = target.provider
        self._rest: list[bytes] = []
        self._held = 0
        self._begun = False
        self._failure: ProviderFailure | None = None
        self._tags = ThinkTags(starts_inside=target.quirks.starts_thinking)
        self._calls = 0

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that `piece` completes. Raises Malformed for a line without an end."""
        if b"\n" not in piece:
            self._hold(piece)
            return []
        *lines, rest = (b"".join(self._rest) + piece).split(b"\n")
        self._rest, self._held = [], 0
        self._hold(rest)
        return self._chunks(lines)

    def end(self) -> list[Chunk]:
        """The chunks of a last line without its end. Raises ProviderFailure."""
        chunks = [] if self.ended else self._chunks([b"".join(self._rest)])
        if self._failure is not None:
            raise self._failure
        text, thought = self._tags.end()
        return [*chunks, Chunk(text, reasoning=thought)] if text or thought else chunks

    def _hold(self, piece: bytes) -> None:
        self._rest.append(piece)
        self._held += len(piece)
        if self._held > LONGEST_LINE:
            raise Malformed(f"a line of the answer is longer than {LONGEST_LINE} bytes")

    def _chunks(self, lines: Iterable[bytes]) -> list[Chunk]:
        chunks: list[Chunk] = []
        try:
            for line in lines:
                if not self._begun:
                    line, self._begun = line.removeprefix(BYTE_ORDER_MARK), True
                if self.ended:
                    break
                if line.strip():
                    chunks.append(self._read(line))
        except ProviderFailure as failure:
            # What came before it counts.
            self._failure, self.ended = failure, True
        return chunks

    def _read(self, line: bytes) -> Chunk:
        """What a line says. Raises ProviderFailure for an error, and for what is no line of Ollama's."""
        try:
            said = parsed(line)
            if error := said.get("error"):
                raise error_frame(error, self._provider)
            return self._chunk(said, said.get("message") or {})
        except (Malformed, AttributeError, KeyError, TypeError) as malformed:
            shown = line[:SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
            raise ProviderFailure(
                Family.PROTOCOL, f"{self._provider} sent a line that is not of Ollama's shape: {shown}"
            ) from malformed

    def _chunk(self, said: Mapping[str, Any], message: Mapping[str, Any]) -> Chunk:
        text, thought = self._tags.feed(_text(message.get("content")))
        thought = _text(message.get("thinking")) + thought
        calls = tuple(self._call(call) for call in message.get("tool_calls") or ())
        if not said.get("done"):
            return Chunk(text, tool_calls=calls, reasoning=thought)
        self.ended = True
        reason, raw = _ended(said.get("done_reason"))
        tokens = TokenCount(count(said.get("prompt_eval_count")), count(said.get("eval_count")))
        return Chunk(text, reason, tokens, calls, thought, raw_finish_reason=raw)

    def _call(self, call: Mapping[str, Any]) -> ToolCallDelta:
        """Each comes whole, mostly without an id."""
        function, index = call["function"], self._calls
        self._calls += 1
        return tool_call(index, call.get("id"), function.get("name"), function.get("arguments"))


def _ended(value: object) -> tuple[FinishReason, str | None]:
    """The reason of a `done` line: one without any is the end of a text all the same."""
    if value in LOADED:
        return FinishReason.UNKNOWN, str(value)
    return finished(value) or (FinishReason.STOP, None)


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed("the text of a line")
    return value
