"""A wire format that exists for tests alone, a word and a JSON value in each line: the dialect of no provider.

    POST <base>/lines/<model>, X-Line-Key: <key>    200
    be "You sell kettles."                          in 12                          tokens of the prompt
    user "Hello?"                                   say "Good "
    assistant "Good day."                           say "day."
    tool "weather"                                  use [0, "a", "weather", "{"]   a piece of a tool call
    most 100                                        done ["stop", 3]               how it ended, tokens of the answer
                                                    oops [503, "too busy"]         instead of what follows

What is no 200 has a sentence as its body, and in `X-Line-Wait` for how many seconds the provider is to be left alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import orjson

from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import Chunk, Malformed, ProviderFailure, TokenCount
from llm_runner.providers.received import count, finished, parsed, tool_call
from llm_runner.providers.refusals import refusal
from llm_runner.providers.target import Quirks, Target

LONGEST_LINE = 1024 * 1024


class LineDialect:
    """Fills the port."""

    def path(self, target: Target) -> str:
        return f"/lines/{target.model}"

    def headers(self, key: str | None) -> dict[str, str]:
        return {"Content-Type": "text/plain"} | ({"X-Line-Key": key} if key else {})

    def body(self, target: Target, prompt: Prompt) -> bytes:
        return b"".join(b"%s %s\n" % (word.encode(), orjson.dumps(value)) for word, value in _lines(prompt))

    def quirks(self, target: Target) -> Quirks:
        return Quirks()

    def decoder(self, target: Target) -> "LineDecoder":
        return LineDecoder(target.provider)

    def refusal(self, provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
        wait = headers.get("X-Line-Wait")
        return refusal(provider, status, body.decode(), "", timedelta(seconds=float(wait)) if wait else None)


def _lines(prompt: Prompt) -> Iterator[tuple[str, object]]:
    if prompt.system:
        yield "be", prompt.system
    for turn in prompt.turns:
        yield from ((turn.role, part) for part in turn.parts if isinstance(part, str))
    yield from (("tool", tool.name) for tool in prompt.tools)
    yield "most", prompt.sampling.max_tokens


class LineDecoder:
    """Keeps the tokens of the prompt, which come first, until those of the answer do."""

    def __init__(self, provider: str) -> None:
        self.ended = False
        self._provider = provider
        self._rest = b""
        self._prompt_tokens: object = None
        self._failure: ProviderFailure | Malformed | None = None

    def feed(self, piece: bytes) -> list[Chunk]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise Malformed("a line without an end")
        return [*self._chunks(lines)]

    def end(self) -> list[Chunk]:
        chunks = [] if self.ended else [*self._chunks([self._rest])]
        if self._failure is not None:
            raise self._failure
        return chunks

    def _chunks(self, lines: Iterable[bytes]) -> Iterator[Chunk]:
        try:
            for line in lines:
                word, _, value = line.partition(b" ")
                if word and not self.ended:
                    yield self._chunk(word, parsed(value))
        except (ProviderFailure, Malformed) as failure:
            self._failure, self.ended = failure, True

    def _chunk(self, word: bytes, value: Any) -> Chunk:
        match word, value:
            case b"in", tokens:
                self._prompt_tokens = tokens
                return Chunk()
            case b"say", str(text):
                return Chunk(text)
            case b"use", [int(index), identity, name, arguments]:
                return Chunk(tool_calls=(tool_call(index, identity, name, arguments),))
            case b"done", [reason, tokens]:
                self.ended = True
                ended, raw = finished(reason) or (None, None)
                return Chunk("", ended, TokenCount(count(self._prompt_tokens), count(tokens)), raw_finish_reason=raw)
            case b"oops", [int(status), str(sentence)]:
                raise refusal(self._provider, status, sentence, "")
        raise Malformed("a line that says nothing")
