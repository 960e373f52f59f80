"""What is sent in OpenAI's wire format, and what is understood of it."""

import orjson
import pytest

from llm_runner.providers.openai_dialect import read_event, request_body
from llm_runner.providers.provider import Chunk, Prompt, ProviderFailure, TokenCount

PROMPT = Prompt(({"role": "user", "content": "Hi"},), temperature=0.5, max_tokens=9, seed=4)


def test_the_body_asks_for_a_stream_with_usage() -> None:
    body = orjson.loads(request_body("m", PROMPT))
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert (body["model"], body["seed"], body["max_tokens"], body["temperature"]) == ("m", 4, 9, 0.5)
    assert not {"stop", "response_format"} & body.keys()


def test_stop_and_json_are_sent_where_they_are_asked_for() -> None:
    prompt = Prompt(PROMPT.messages, 0.0, 9, 4, stop=("END",), json_answer=True)
    body = orjson.loads(request_body("m", prompt))
    assert (body["stop"], body["response_format"]) == (["END"], {"type": "json_object"})


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
    ],
)
def test_a_chunk_is_read(event: bytes, chunk: Chunk) -> None:
    assert read_event(event, "demo") == chunk


@pytest.mark.parametrize(
    "event",
    [b"{", b"[]", b'"text"', b'{"choices":{}}x', b'{"choices":["x"]}', b'{"choices":[{"delta":{"content":7}}]}',
     b'{"choices":[],"usage":{"prompt_tokens":3}}', b""],
)  # fmt: skip
def test_a_malformed_chunk_is_a_failure_that_is_tried_again(event: bytes) -> None:
    with pytest.raises(ProviderFailure) as caught:
        read_event(event, "demo")
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
        read_event(frame, "demo")
    assert caught.value.retryable is retryable
