"""What a provider may answer and none should: odd counts, half characters, frames that are none, the key itself.

`hostile_answers(key)` is one table for whoever plays such a provider; each entry says what must come of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from support.byte_provider import (
    COUNTED,
    DONE,
    RESET,
    STAY,
    STOP,
    STREAM,
    Script,
    Wait,
    answer,
    choice,
    frame,
    refusal,
    text,
    tool,
    usage,
)


class Endless:
    """One step for ever; read anew with each call."""

    def __init__(self, head: bytes, step: bytes) -> None:
        self._head = head
        self._step = step

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        while True:
            yield self._step


def _named(name: object) -> Script:
    return answer(tool(index=0, id="a", function={"name": name, "arguments": "{}"}))


def _called(arguments: object, **piece: object) -> Script:
    return answer(tool(**({"index": 0, "id": "a"} | piece), function={"name": "x", "arguments": arguments}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a generation ends with, after so many calls: the answer's text or its failure's code; None for neither."""

    end: str | None
    calls: int


TALKS = Outcome("Hi", 1)
TOOLS = Outcome("", 1)
FAILS = Outcome("provider_error", 1)
FAILS_TWICE = Outcome("provider_error", 2)
"""What is no answer at all is asked for once more only."""
FAILS_AGAIN = Outcome("provider_error", 3)
LATE = Outcome("provider_timeout", 3)
"""Each of its calls waits for a time limit."""

HI = text("Hi")
LONG = "a" * 1000
ODD_COUNTS: Mapping[str, object] = {
    "null": None,
    "text": "12",
    "half": 1.5,
    "huge": 1e30,
    "minus": -5,
    "true": True,
    "list": [1],
    "object": {"a": 1},
    "beyond": 10**25,
}

Answers = dict[str, tuple[Script, Outcome]]

COUNTS: Answers = {
    **{
        f"prompt tokens {name}": (
            [STREAM, HI, STOP, usage({"prompt_tokens": odd, "completion_tokens": 1}), DONE],
            TALKS,
        )
        for name, odd in ODD_COUNTS.items()
    },
    **{
        f"completion tokens {name}": ([STREAM, HI, STOP, usage({"prompt_tokens": 3, "completion_tokens": odd})], TALKS)
        for name, odd in ODD_COUNTS.items()
    },
    **{f"usage {name}": ([STREAM, HI, usage(odd), STOP, DONE], TALKS) for name, odd in ODD_COUNTS.items()},
    "counts missing": ([STREAM, HI, usage({"prompt_tokens": 3}), STOP, DONE], TALKS),
    "counts beside each text": (
        [STREAM, choice({"content": "Hi"}, None, usage={"prompt_tokens": None}), STOP, COUNTED],
        TALKS,
    ),
    "usage infinite": ([STREAM, HI, STOP, b'data: {"choices":[],"usage":{"prompt_tokens":1e999}}\n\n', DONE], TALKS),
}
"""Counts that are none are estimated: the answer is whole."""
ENDS: Answers = {
    "finish reason number": ([STREAM, HI, choice({}, 7), COUNTED, DONE], TALKS),
    "finish reason object": ([STREAM, HI, choice({}, {"a": [1]}), COUNTED, DONE], TALKS),
    "finish reason long": ([STREAM, HI, choice({}, "x" * 3_000_000), COUNTED, DONE], TALKS),
    "finish reason empty at first": ([STREAM, choice({"content": "Hi"}, ""), STOP, DONE], TALKS),
    "finish reason empty, then cut": ([STREAM, choice({"content": "Hi"}, "")], FAILS_AGAIN),
    "finish reason error": ([STREAM, HI, choice({}, "error"), DONE], FAILS_AGAIN),
    "finish reason ours": ([STREAM, HI, choice({}, "stopped"), DONE], TALKS),
}
TOOL_CALLS: Answers = {
    "tool id number": (_called("{}", id=7), TOOLS),
    "tool id object": (_called("{}", id={"a": 1}), TOOLS),
    "tool id long": (_called("{}", id="i" * 1_000_000), TOOLS),
    "tool name number": (_named(7), FAILS_TWICE),
    "tool name list": (_named(["x"]), FAILS_TWICE),
    "tool name long": (_named("n" * 1_000_000), FAILS_TWICE),
    "tool index half": (_called("{}", index=0.5), FAILS_TWICE),
    "tool index minus": (_called("{}", index=-1), FAILS_TWICE),
    "tool index huge": (_called("{}", index=10**30), FAILS_TWICE),
    "tool arguments object": (_called({"a": {"b": 1}}), TOOLS),
    "tool arguments number": (_called(7), FAILS_TWICE),
    "tool arguments of a megabyte": (_called('{"a":"' + "x" * 1_100_000 + '"}'), FAILS),
    "tool arguments in quotes": (_called('{"a":"' + '\\"' * 120_000 + '"}'), TOOLS),
    "tool arguments in more quotes": (_called('{"a":"' + '\\"' * 130_000 + '"}'), FAILS),
    "tool arguments in pieces": (
        [STREAM, *[tool(index=0, function={"name": "x", "arguments": " " * 9000})] * 200, STOP],
        FAILS,
    ),
    "tool arguments deep": (_called('{"a":' * 300 + "1" + "}" * 300), FAILS_TWICE),
    "tool arguments half a character": (_called('{"a":"\\ud83d"}'), FAILS_TWICE),
    "many tools": ([STREAM, *[tool(index=n, function={"name": "x"}) for n in range(500)], STOP, DONE], FAILS),
}
TEXTS: Answers = {
    "text of 17 MB": ([STREAM, *[text(LONG * 100)] * 170, STOP, COUNTED, DONE], FAILS),
    "text of 17 MB at once": ([STREAM, text(LONG * 17_000), STOP, DONE], FAILS_TWICE),
    "text without an end": (Endless(STREAM, text(LONG * 10)), FAILS),
    "text number": ([STREAM, text(7), STOP, DONE], FAILS_TWICE),
    "text list": ([STREAM, text([{"type": "text", "text": "Hi"}]), STOP, DONE], Outcome("Hi", 1)),
    "text none": ([STREAM, STOP, COUNTED, DONE], FAILS_TWICE),
    "text with NUL": (answer(text("H\0i")), Outcome("H\0i", 1)),
    "a character in halves": (answer(text("\ud83d"), text("\ude00")), Outcome("\U0001f600", 1)),
    "a character in halves, slowly": (
        [STREAM, text("a\ud83d"), Wait(0.1), text("\ude00"), STOP],
        Outcome("a\U0001f600", 1),
    ),
    "half a character": (answer(text("Hi\ud83d"), text("!\ude00")), Outcome("Hi\ufffd!\ufffd", 1)),
    "odd characters": (answer(text("\x1b of \u2028 this \u202e")), Outcome("\x1b of \u2028 this \u202e", 1)),
    "half a character at the end": (answer(text("Hi\ud83d")), Outcome("Hi\ufffd", 1)),
}
FRAMES: Answers = {
    "no JSON": ([STREAM, HI, b"data: {\n\n", STOP, DONE], FAILS_TWICE),
    "deep JSON": ([STREAM, HI, b"data: " + b"[" * 200_000 + b"\n\n", STOP], FAILS_TWICE),
    "deep list": ([STREAM, b"data: " + b"[" * 5000 + b"]" * 5000 + b"\n\n", STOP], FAILS_TWICE),
    "deep object": ([STREAM, b'data: {"choices":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"\n\n"], FAILS_TWICE),
    "choices object": ([STREAM, frame({"choices": {"0": 1}}), STOP], FAILS_TWICE),
    "choices text": ([STREAM, frame({"choices": "x"}), STOP], FAILS_TWICE),
    "delta text": ([STREAM, choice("Hi"), STOP], FAILS_TWICE),
    "frame list": ([STREAM, frame([1]), STOP], FAILS_TWICE),
    "not UTF-8": ([STREAM, b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', STOP], FAILS_TWICE),
    "a line without an end": (Endless(STREAM, b"data: " + b"x" * 60_000), FAILS_TWICE),
    "an event without an end": (Endless(STREAM, b"data: x\n" * 1000), FAILS_TWICE),
    "an event of empty lines": (Endless(STREAM, b"data:\n" * 10_000), FAILS_TWICE),
    "comments without an end": (Endless(STREAM, b": x\n\n" * 100), LATE),
    "nothing": ([STREAM, STAY], LATE),
    "no reason": ([STREAM, HI], FAILS_AGAIN),
    "reset": ([STREAM, HI, Wait(0.05), RESET], FAILS_AGAIN),
}
HEADS: Answers = {
    "no HTTP": ([b"\x16\x03\x01\0\0"], FAILS_AGAIN),
    "hung up": ([], FAILS_AGAIN),
    "a length that is none": ([STREAM.replace(b"Connection", b"Content-Length: x\r\nConnection"), HI], FAILS_AGAIN),
    "a header that is none": ([STREAM.replace(b"Connection", b"A\0B: \x01\r\nConnection"), HI], FAILS_AGAIN),
    "a header of other bytes": ([STREAM.replace(b"Connection", b"X-Odd: \x80\xff\r\nConnection"), HI, STOP], TALKS),
    "headers without an end": (Endless(b"HTTP/1.1 200 OK\r\n", b"A: " + b"x" * 1000 + b"\r\n"), FAILS_AGAIN),
    "chunks that are none": (
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", HI],
        FAILS_AGAIN,
    ),
    "gzip that is none": ([STREAM.replace(b"Connection", b"Content-Encoding: gzip\r\nConnection"), HI], FAILS_AGAIN),
    "retry after ages": (refusal(429, {}, retry_after="1e400"), FAILS_AGAIN),
    "retry after a name": (refusal(503, {}, retry_after="\u00b2", retry_after_ms="nan"), FAILS_AGAIN),
    "retry after the past": (refusal(503, {}, retry_after="Wed, 21 Oct 0000 07:28:00 GMT"), FAILS_AGAIN),
    "refused": (refusal(400, {"error": {"message": ["x"], "code": {"a": 1}}}), FAILS),
    "failed, and not in UTF-8": (refusal(500, b"\xff" * 100_000), FAILS_AGAIN),
    "refused without an end": (Endless(b"HTTP/1.1 400 Bad\r\n\r\n", b"x" * 10_000), FAILS),
}


def hostile_answers(key: str) -> Answers:
    """Every answer, by name, of a provider that was sent this key; a script can be read more than once."""
    return COUNTS | ENDS | TOOL_CALLS | TEXTS | FRAMES | HEADS | _errors(key)


def _errors(key: str) -> Answers:
    return {
        "key refused in a stream": (
            [STREAM, frame({"error": {"message": f"bad {key}", "code": "invalid_api_key"}})],
            FAILS,
        ),
        "key refused in a long text": (refusal(400, {"error": {"message": "x" * 270 + key}}), FAILS),
        "error number": ([STREAM, frame({"error": 7})], FAILS_AGAIN),
        "error after the end": ([STREAM, HI, STOP, frame({"error": {"message": "late"}})], TALKS),
    }
