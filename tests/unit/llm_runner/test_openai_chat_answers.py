"""What is understood of an answer to a chat completion of OpenAI's."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

import orjson
import pytest

from llm_runner.providers.dialects.openai_chat.decoder import ChatDecoder
from llm_runner.providers.provider import (
    Chunk,
    Malformed,
    ProviderFailure,
    TokenCount,
    ToolCallDelta,
)
from shared.contracts.enums import FinishReason
from unit.llm_runner.prompts import target

ENDED = Chunk("", FinishReason.STOP, raw_finish_reason="stop")


def _decoded(events: Iterable[bytes]) -> list[Chunk]:
    """The chunks of an answer with these events."""
    decoder = ChatDecoder(target())
    return [*decoder.feed(b"".join(b"data: " + event + b"\n\n" for event in events)), *decoder.end()]


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        (b'{"choices":[{"delta":{"role":"assistant"}}]}', Chunk()),
        (b'{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}', Chunk("a")),
        (b'{"choices":[{"delta":{"refusal":"no"}}]}', Chunk("no")),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', ENDED),
        (
            b'{"choices":[{"delta":null,"finish_reason":"stop"}]}',
            ENDED,
        ),
        (b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}', Chunk("", None, TokenCount(3, 2))),
        (b'{"choices":[],"usage":null}', Chunk()),
        (b'{"choices":[{"delta":{"content":null,"tool_calls":null}}]}', Chunk()),
    ],
)
def test_a_chunk_is_read(event: bytes, chunk: Chunk) -> None:
    assert _decoded([event]) == [chunk]


def test_texts_that_follow_each_other_are_one() -> None:
    texts = [b'{"choices":[{"delta":{"content":"%s"}}]}' % text for text in (b"a", b"b", b"c")]
    stop = b'{"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]}'
    assert _decoded([*texts, stop, texts[0]]) == [
        Chunk("abc"),
        replace(ENDED, text="!"),
        Chunk("a"),
    ]


@pytest.mark.parametrize(
    ("pieces", "deltas"),
    [
        (
            b'[{"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":""}}]',
            [ToolCallDelta(0, "a", "weather")],
        ),
        (
            b'[{"index":1,"function":{"arguments":"{\\"ci"}},{"index":0,"function":{"arguments":"}"}}]',
            [ToolCallDelta(1, arguments='{"ci'), ToolCallDelta(0, arguments="}")],
        ),
        (
            b'[{"id":"a","function":{"name":"x","arguments":{"n":1}}},{"id":"b","function":{"name":"y"}}]',
            [ToolCallDelta(None, "a", "x", '{"n":1}'), ToolCallDelta(None, "b", "y")],
        ),
    ],
    ids=["its beginning", "pieces of two calls", "no index, and an object"],
)
def test_pieces_of_tool_calls_are_read(pieces: bytes, deltas: list[ToolCallDelta]) -> None:
    event = b'{"choices":[{"delta":{"tool_calls":' + pieces + b"}}]}"
    assert _decoded([event]) == [Chunk(tool_calls=tuple(deltas))]


MALFORMED_PIECES = [
    b'"x"',
    b'{"function":7}',
    b'{"function":{"name":7}}',
    b'{"function":{"name":"' + b"n" * 300 + b'"}}',
    *(b'{"index":' + index + b"}" for index in (b"-1", b"1.5", b"1e30", b"true", b"99999999999999999999", b'"0"')),
]


def repr_of(event: bytes) -> str:
    return repr(event[:70])


@pytest.mark.parametrize(
    "event",
    [b"{", b"[]", b'"text"', b'{"choices":{}}x', b'{"choices":["x"]}', b'{"choices":[{"delta":{"content":7}}]}',
     b'{"choices":[{"delta":{"tool_calls":7}}]}',
     b'{"choices":[{"delta":{"tool_calls":[{"index":"x"}]}}]}', b'{"choices":7}', b'{"choices":{"a":1}}',
     b'{"choices":[7]}', b'{"choices":[{"delta":"text"}]}', b'{"choices":[{"delta":[1]}]}', b"[" * 100_000, b"7",
     b'{"a":' * 2000 + b"1" + b"}" * 2000, b'{"choices":[{"delta":{"content":[{"type":"text","text":7}]}}]}',
     b"\xff\xfe{", b"null",
     *(b'{"choices":[{"delta":{"tool_calls":[' + piece + b"]}}]}" for piece in MALFORMED_PIECES)],
    ids=repr_of,
)  # fmt: skip
def test_a_malformed_chunk_is_a_failure_that_is_tried_again(event: bytes) -> None:
    with pytest.raises(ProviderFailure) as caught:
        _decoded([event])
    assert (caught.value.retryable, caught.value.charged) == (True, True)


ODD_PROMPTS: list[object] = [None, "12", 1.5, 1e30, -5, True, [], {}, 10**30]
ODD_COMPLETIONS: list[object] = [None, "12", 2.0, -1, False, 10**9]


def _known(counts: object) -> TokenCount | None:
    """The sound one of two counts."""
    if not isinstance(counts, dict):
        return None
    read, written = counts.get("prompt_tokens"), counts.get("completion_tokens")
    known = TokenCount(read if read == 3 else None, written if type(written) is int and written == 1 else None)
    return known if known != TokenCount() else None


@pytest.mark.parametrize(
    "counts",
    [None, 7, "12", [], [3, 1], {}, {"prompt_tokens": 3}, {"completion_tokens": 1},
     *({"prompt_tokens": odd, "completion_tokens": 1} for odd in ODD_PROMPTS),
     *({"prompt_tokens": 3, "completion_tokens": odd} for odd in ODD_COMPLETIONS)],
)  # fmt: skip
def test_a_count_that_is_none_is_as_if_it_was_not_said(counts: object) -> None:
    event = orjson.dumps({"choices": []})[:-1] + b',"usage":' + json.dumps(counts).encode() + b"}"
    assert _decoded([event]) == [Chunk(tokens=_known(counts))]


@pytest.mark.parametrize(
    ("said", "read"),
    [("stop", "stop"), ("", None), (None, None), (False, None), (0, None), (7, "other"), (True, "other"),
     ({"a": 1}, "other"), (["stop"], "other"), ("x" * 3_000_000, "other"), ("a\nb", "other"), ("stopped", "stopped")],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_how_an_answer_ended_is_a_short_word_whatever_is_said(said: object, read: str | None) -> None:
    event = orjson.dumps({"choices": [{"delta": {"content": "a"}, "finish_reason": said}]})
    reason = FinishReason(read) if read == "stop" else FinishReason.UNKNOWN
    assert _decoded([event]) == [Chunk("a", reason if read else None, raw_finish_reason=read)]


def test_an_answer_that_ended_by_an_error_is_none() -> None:
    with pytest.raises(ProviderFailure) as caught:
        _decoded([b'{"choices":[{"delta":{},"finish_reason":"error"}]}'])
    assert caught.value.retryable


@pytest.mark.parametrize("odd", [1.5, True, [], {"a": 1}, "", "i" * 5000], ids=lambda value: repr(value)[:9])
def test_an_id_that_is_none_is_as_if_there_was_none(odd: object) -> None:
    event = orjson.dumps({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": odd, "function": {"name": "x"}}]}}]})
    assert _decoded([event]) == [Chunk(tool_calls=(ToolCallDelta(0, None, "x"),))]


@pytest.mark.parametrize(
    "make",
    [
        lambda: TokenCount(1.0, 2),  # type: ignore[arg-type] # as a dialect that does not look would
        lambda: TokenCount(1, -2),
        lambda: TokenCount(True, 2),
        lambda: ToolCallDelta("0"),  # type: ignore[arg-type]
        lambda: ToolCallDelta(0, 7),  # type: ignore[arg-type]
        lambda: ToolCallDelta(0, "a", "x", {}),  # type: ignore[arg-type]
        lambda: Chunk(None),  # type: ignore[arg-type]
        lambda: Chunk(reasoning=7),  # type: ignore[arg-type]
        lambda: Chunk("", FinishReason.STOP, raw_finish_reason="x" * 65),
    ],
)
def test_the_ports_types_cannot_be_made_of_anything_else(make: Callable[[], object]) -> None:
    with pytest.raises(Malformed):
        make()


@pytest.mark.parametrize(
    ("frame", "retryable"),
    [
        (b'{"error":{"code":429,"message":"slow down"}}', True),
        (b'{"error":{"code":"server_error","message":"oops"}}', True),
        (b'{"error":"oops"}', True),
        (b'{"error":{"code":"400","message":"bad"},"choices":[]}', False),
        (b'{"error":{"code":"invalid_api_key","message":"wrong"}}', False),
        (b'{"error":{"type":"authentication_error","message":"wrong"}}', False),
        (b'{"error":{"code":null,"type":"permission_error"}}', False),
        (b'{"error":{"code":"insufficient_quota"}}', False),
        (b'{"error":{"code":"model_not_found"}}', False),
        (b'{"error":{"code":"rate_limit_exceeded"}}', True),
        ('{"error":{"code":"²²²"}}'.encode(), True),
        (b'{"error":{"code":' + b"9" * 5000 + b"}}", True),
        (b'{"error":{"code":[401],"message":{"a":1}}}', True),
        (b'{"error":7}', True),
    ],
)
def test_an_error_frame_inside_a_stream_is_a_failure(frame: bytes, retryable: bool) -> None:
    with pytest.raises(ProviderFailure) as caught:
        _decoded([frame])
    assert caught.value.retryable is retryable


TEXTS = [b'{"choices":[{"delta":{"content":"%s"}}]}' % text for text in (b"a", b"b")]


@pytest.mark.parametrize("broken", [b"{", b'{"error":{"code":500}}'])
def test_what_came_before_a_broken_event_counts(broken: bytes) -> None:
    decoder = ChatDecoder(target())
    assert decoder.feed(b"".join(b"data: %s\n\n" % event for event in (*TEXTS, broken, TEXTS[0]))) == [Chunk("ab")]
    assert decoder.ended
    with pytest.raises(ProviderFailure):
        decoder.end()


def test_nothing_is_read_behind_the_mark_of_the_end() -> None:
    decoder = ChatDecoder(target())
    assert decoder.feed(b"data: %s\n\ndata: [DONE]\n\ndata: {\n\ndata: " % TEXTS[0]) == [Chunk("a")]
    assert decoder.ended
    assert decoder.end() == [Chunk(finish_reason=FinishReason.UNKNOWN)]


def test_the_last_event_may_lack_its_empty_line() -> None:
    decoder = ChatDecoder(target())
    assert decoder.feed(b"data: " + TEXTS[0]) == []
    assert (decoder.ended, decoder.end()) == (False, [Chunk("a")])
