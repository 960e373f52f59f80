"""What every format of an answer has to say, and how it is asked for."""

import json
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.answers.answer_events import Answered, AnswerEvent
from gateway.answers.failures import failure_of
from gateway.event_stream.log.frames import one_line
from gateway.schemas.storable import storable

FINISH_REASONS: Final = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "content-filter": "content-filter",
    "tool_calls": "tool-calls",
    "tool-calls": "tool-calls",
    "refusal": "content-filter",
}
INTERRUPTED: Final = (
    "provider_error",
    "The model died in the middle of its answer: ask again.",
)


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What is known of an answer before its first event. `tiers` holds the tier of every `provider/model`."""

    chat_id: str
    seq: int
    message_id: str
    provider: str
    model: str
    tiers: dict[str, str] = field(default_factory=dict)

    def tier(self, provider: str | None, model: str | None) -> str | None:
        """The tier of a model, None where the registry does not hold it any more."""
        return self.tiers.get(f"{provider}/{model}")


class AnswerFormat(Protocol):
    """Writes one answer. Pure: bytes for events, in their order.

    `broken` says that the connection has to break after what was written, because the format has no word for it.
    """

    broken: bool

    def begin(self, sequence: int) -> bytes:
        """What stands before the first event; `sequence` is one below the answer's first event."""

    def write(self, event: AnswerEvent) -> bytes:
        """What the event becomes."""

    @property
    def ended(self) -> bool:
        """Whether the end was written: nothing follows."""


def compact(value: object) -> bytes:
    """JSON in one line of UTF-8."""
    return one_line(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def finish_reason(answered: Answered) -> str:
    """Why the model stopped, in the AI SDK's words."""
    return FINISH_REASONS.get(answered.finish_reason or "", "other")


def failure(answered: Answered) -> tuple[str, str]:
    """The code and the sentence of an answer that failed."""
    failed = failure_of(answered)
    return failed.code, failed.message


def input_of(call: dict[str, Any]) -> object:
    """A tool call's arguments as a value; what is no JSON, or none that can be shown, is quoted: a model wrote it."""
    text: str = call["input"]
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text
    return value if storable(value) else text


def metadata(about: AnswerContext, message: dict[str, Any]) -> dict[str, object]:
    """Which model answered, and what it took."""
    provider, model = message.get("provider"), message.get("model")
    prompt, completion = message["promptTokens"], message["completionTokens"]
    return {
        "provider": provider,
        "model": model,
        "tier": about.tier(provider, model),
        "usage": {"promptTokens": prompt, "completionTokens": completion, "totalTokens": prompt + completion},
        "costUsd": message["costUsd"],
        "folded": message.get("foldedTo"),
    }
