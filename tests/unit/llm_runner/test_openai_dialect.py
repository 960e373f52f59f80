"""What is sent in OpenAI's wire format, and what is understood of it."""

import orjson
import pytest

from llm_runner.providers.openai_dialect import read_events, request_body
from llm_runner.providers.provider import Chunk, Prompt, ProviderFailure, TokenCount, ToolCallDelta

PROMPT = Prompt(({"role": "user", "content": "Hi"},), temperature=0.5, max_tokens=9, seed=4)


def test_the_body_asks_for_a_stream_with_usage() -> None:
    body = orjson.loads(request_body("m", PROMPT))
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert (body["model"], body["seed"], body["max_tokens"], body["temperature"]) == ("m", 4, 9, 0.5)
    assert not {"stop", "response_format", "tools"} & body.keys()


def test_stop_and_json_are_sent_where_they_are_asked_for() -> None:
    prompt = Prompt(PROMPT.messages, 0.0, 9, 4, stop=("END",), json_answer=True)
    body = orjson.loads(request_body("m", prompt))
    assert (body["stop"], body["response_format"]) == (["END"], {"type": "json_object"})


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": PARAMETERS}}


@pytest.mark.parametrize(
    ("tool", "sent"),
    [
        (WEATHER, WEATHER),
        ({"name": "weather", "description": "Now.", "parameters": PARAMETERS}, WEATHER),
        ({"name": "weather", "description": "Now.", "inputSchema": PARAMETERS}, WEATHER),
        ({"name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tools_are_sent_as_functions_whatever_form_they_came_in(
    tool: dict[str, object], sent: dict[str, object]
) -> None:
    prompt = Prompt(PROMPT.messages, 0.0, 9, 4, tools=(tool,))
    assert orjson.loads(request_body("m", prompt))["tools"] == [sent]


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        (b'{"choices":[{"delta":{"role":"assistant"}}]}', Chunk()),
        (b'{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}', Chunk("a")),
        (b'{"choices":[{"delta":{"refusal":"no"}}]}', Chunk("no")),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', Chunk("", "stop")),
        (b'{"choices":[{"delta":null,"finish_reason":"stop"}]}', Chunk("", "stop")),
        (b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}', Chunk("", None, TokenCount(3, 2))),
        (b'{"choices":[],"usage":null}', Chunk()),
        (b'{"choices":[{"delta":{"content":null,"tool_calls":null}}]}', Chunk()),
    ],
)
def test_a_chunk_is_read(event: bytes, chunk: Chunk) -> None:
    assert list(read_events([event], "demo")) == [chunk]


def test_texts_that_follow_each_other_are_one() -> None:
    texts = [b'{"choices":[{"delta":{"content":"%s"}}]}' % text for text in (b"a", b"b", b"c")]
    stop = b'{"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]}'
    assert list(read_events([*texts, stop, texts[0]], "demo")) == [Chunk("abc"), Chunk("!", "stop"), Chunk("a")]
    assert list(read_events([], "demo")) == []


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
            [ToolCallDelta(0, "a", "x", '{"n":1}'), ToolCallDelta(1, "b", "y")],
        ),
    ],
    ids=["its beginning", "pieces of two calls", "no index, and an object"],
)
def test_pieces_of_tool_calls_are_read(pieces: bytes, deltas: list[ToolCallDelta]) -> None:
    event = b'{"choices":[{"delta":{"tool_calls":' + pieces + b"}}]}"
    assert list(read_events([event], "demo")) == [Chunk(tool_calls=tuple(deltas))]


@pytest.mark.parametrize(
    "event",
    [b"{", b"[]", b'"text"', b'{"choices":{}}x', b'{"choices":["x"]}', b'{"choices":[{"delta":{"content":7}}]}',
     b'{"choices":[],"usage":{"prompt_tokens":3}}', b"", b'{"choices":[{"delta":{"tool_calls":7}}]}',
     b'{"choices":[{"delta":{"tool_calls":[{"index":"x"}]}}]}'],
)  # fmt: skip
def test_a_malformed_chunk_is_a_failure_that_is_tried_again(event: bytes) -> None:
    with pytest.raises(ProviderFailure) as caught:
        list(read_events([event], "demo"))
    assert (caught.value.retryable, caught.value.charged) == (True, True)


@pytest.mark.parametrize(
    ("frame", "retryable"),
    [
        (b'{"error":{"code":429,"message":"slow down"}}', True),
        (b'{"error":{"code":"server_error","message":"oops"}}', True),
        (b'{"error":"oops"}', True),
        (b'{"error":{"code":"400","message":"bad"},"choices":[]}', False),
    ],
)
def test_an_error_frame_inside_a_stream_is_a_failure(frame: bytes, retryable: bool) -> None:
    with pytest.raises(ProviderFailure) as caught:
        list(read_events([frame], "demo"))
    assert caught.value.retryable is retryable
