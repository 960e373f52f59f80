"""A case: the bytes of an answer, and what has to come of it, however the network cuts them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llm_runner.attempt import Attempt
from llm_runner.call_deadline import CallDeadline, CallLimits
from llm_runner.providers.answer import IncomingAnswer
from llm_runner.providers.dialects import DIALECTS
from llm_runner.providers.prompt import Prompt, Role, Sampling, Turn
from llm_runner.providers.provider import Malformed, ProviderFailure, TakeChunk, TokenCount
from llm_runner.providers.redaction import Redaction
from llm_runner.providers.target import Target
from shared.contracts.enums import FailureFamily, FinishReason
from shared.routing import ModelEntry, ProviderEntry

PROMPT = Prompt((Turn(Role.USER, ("Hi",)),), Sampling(temperature=0.5, max_tokens=9, seed=4))
PROVIDER, MODEL = "ours", "m"
UNPRICED = ModelEntry()
EVENTS, JSON, LINES = "text/event-stream", "application/json", "application/x-ndjson"


@dataclass(frozen=True)
class Expected:
    """What is understood: of an answer its text and finish, of a failure its family and what had come before it."""

    text: str = ""
    finish: FinishReason | None = FinishReason.STOP
    reasoning: str = ""
    tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    ids: tuple[str, ...] | None = None
    usage: TokenCount = field(default_factory=TokenCount)
    family: FailureFamily | None = None
    calls: int = 1


@dataclass(frozen=True)
class Case:
    """`number` is the case's name. `body` is sent as it is after a 200 of `content_type`."""

    number: str
    body: bytes
    expected: Expected
    dialect: str = "openai"
    content_type: str = EVENTS
    base_url: str = "http://provider/v1"

    @property
    def target(self) -> Target:
        plain = Target(PROVIDER, self.base_url, MODEL, ModelEntry())
        return Target(PROVIDER, self.base_url, MODEL, ModelEntry(), DIALECTS[self.dialect].quirks(plain))


def failed(family: FailureFamily, text: str = "", calls: int = 1, **more: Any) -> Expected:
    """A failure of this family, after so much text, asked for so often."""
    return Expected(text, None, family=family, calls=calls, **more)


def sse(*lines: str | dict[str, Any]) -> bytes:
    """Each as the data of an event."""
    return b"".join(b"data: " + _text(line).encode() + b"\n\n" for line in lines)


def ndjson(*lines: str | dict[str, Any]) -> bytes:
    """Each on a line of its own."""
    return b"".join(_text(line).encode() + b"\n" for line in lines)


def _text(line: str | dict[str, Any]) -> str:
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)


class CutProvider:
    """Answers a case's bytes, cut as it is told, without a network: what `HttpProvider` does behind its socket."""

    def __init__(self, case: Case, pieces: Iterable[bytes], model: ModelEntry = UNPRICED) -> None:
        self.name = PROVIDER
        self.entry = ProviderEntry(base_url=case.base_url, models={MODEL: model})
        self._case = case
        self._pieces = pieces

    async def stream(self, model: str, prompt: Prompt, attempt: str, take: TakeChunk) -> None:
        answer, decoder = (
            IncomingAnswer(PROVIDER, Redaction(), take),
            DIALECTS[self._case.dialect].decoder(self._case.target),
        )
        try:
            for piece in self._pieces:
                for chunk in decoder.feed(piece):
                    answer.take(chunk)
                if decoder.ended:
                    break
            for chunk in decoder.end():
                answer.take(chunk)
        except Malformed as error:
            raise ProviderFailure(FailureFamily.PROTOCOL, str(error)) from error
        if not answer.finished:
            raise ProviderFailure(FailureFamily.CUT, "no end")
        answer.end()


async def understood(case: Case, pieces: Iterable[bytes]) -> Expected:
    """What an attempt makes of the case's bytes."""
    attempt, family = Attempt(CutProvider(case, pieces), MODEL, PROMPT, 1), None
    try:
        await attempt.call(CallDeadline(PROVIDER, CallLimits(60, 60, 60)), None)
    except ProviderFailure as failure:
        family = failure.family
    calls = attempt.tool_calls
    return Expected(
        text=attempt.text,
        finish=None if family else attempt.finish_reason,
        reasoning=attempt.reasoning or "",
        tools=tuple((call.name, json.loads(call.input)) for call in calls),
        ids=tuple(call.id for call in calls) if case.expected.ids is not None else None,
        usage=attempt.tokens,
        family=family,
        calls=case.expected.calls,
    )


LONG = 3000


def cuts(body: bytes) -> Iterable[list[bytes]]:
    """The body whole, byte by byte, and in two at every place; of a long one at some."""
    yield [body]
    if len(body) <= LONG:
        yield [body[place : place + 1] for place in range(len(body))]
    step = max(1, len(body) // LONG)
    for place in range(1, len(body), step):
        yield [body[:place], body[place:]]
