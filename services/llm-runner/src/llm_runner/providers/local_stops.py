"""Stop sequences that a target does not take, applied to its answer by us."""

from dataclasses import replace

from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import Chunk, TakeChunk
from llm_runner.providers.target import Quirks
from shared.contracts.enums import FinishReason

RAW_STOP = "stop_sequence"


def sent_stops(prompt: Prompt, quirks: Quirks) -> list[str]:
    """The stop sequences a target is told: none is empty, and no more than it takes."""
    return [stop for stop in prompt.sampling.stop if stop][: quirks.most_stops]


def stopping(prompt: Prompt, quirks: Quirks, take: TakeChunk) -> TakeChunk:
    """Takes the answer's chunks up to the first stop sequence that its target is not told, or that is blank."""
    sent = [stop for stop in sent_stops(prompt, quirks) if stop.strip()]
    ours = [stop for stop in prompt.sampling.stop if stop and stop not in sent]
    return LocalStops(ours, take).take if ours else take


class LocalStops:
    """Holds back what may be the beginning of a stop sequence; what follows one is not handed on.

    The provider's answer is read to its end all the same: its counts stand there.
    """

    def __init__(self, stops: list[str], take: TakeChunk) -> None:
        self._stops = stops
        self._take = take
        self._held = ""
        self._stopped = False
        self._over = False

    def take(self, chunk: Chunk) -> None:
        """The next chunk. Tool calls after a stop are none of the answer's."""
        text = self._shown(chunk.text) if chunk.text else ""
        ends = chunk.finish_reason is not None or bool(chunk.tool_calls)
        self._over = self._over or chunk.finish_reason is not None
        if ends and self._held:
            text, self._held = text + self._held, ""
        if self._stopped:
            ended = (FinishReason.STOP, RAW_STOP) if chunk.finish_reason else (None, None)
            chunk = replace(chunk, tool_calls=(), finish_reason=ended[0], raw_finish_reason=ended[1])
        self._take(replace(chunk, text=text))

    def _shown(self, text: str) -> str:
        if self._stopped:
            return ""
        text = self._held + text
        at = min((place for stop in self._stops if (place := text.find(stop)) >= 0), default=None)
        if at is not None:
            self._stopped, self._held = True, ""
            return text[:at]
        kept = 0 if self._over else max(_begun(text, stop) for stop in self._stops)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text may begin a stop sequence."""
    longest = min(len(stop) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
