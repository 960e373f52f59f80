"""The bytes of an answer: SSE chunks, or one JSON document."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

MALFORMED: Final = b'data: {"id":"chatcmpl-demo","object":"chat.completion.chunk","choices":[{"delta":{"cont\n\n'
_DONE: Final = b"data: [DONE]\n\n"


@lru_cache(maxsize=65_536)
def _quoted(text: str) -> bytes:
    return orjson.dumps(text)


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Usage in words."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


class ChunkWriter:
    """Writes the chunks of one stream; what all of them share is encoded once."""

    def __init__(self, call_id: str, created: int, model: str, with_usage: bool) -> None:
        head = {"id": call_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + orjson.dumps(head)[:-1]
        self._content = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._with_usage = with_usage
        self._tail = b'},"finish_reason":null}]' + (b',"usage":null' if with_usage else b"") + b"}\n\n"

    def role(self) -> bytes:
        """The first chunk: who speaks."""
        return self._head + b',"choices":[{"index":0,"delta":{"role":"assistant","content":""' + self._tail

    def content(self, text: str) -> bytes:
        """A piece of the answer."""
        return self._content + _quoted(text) + self._tail

    def end(self, finish_reason: str, counts: dict[str, int]) -> bytes:
        """The finish reason, the usage if it was asked for, and `[DONE]`."""
        finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]}
        parts = [self._with(finish | ({"usage": None} if self._with_usage else {}))]
        if self._with_usage:
            parts.append(self._with({"choices": [], "usage": counts}))
        return b"".join([*parts, _DONE])

    def _with(self, fields: dict[str, Any]) -> bytes:
        return self._head + b"," + orjson.dumps(fields)[1:] + b"\n\n"


def completion(
    call_id: str, created: int, model: str, words: Sequence[str], finish_reason: str, counts: dict[str, int]
) -> bytes:
    """The answer as one document."""
    message = {"role": "assistant", "content": "".join(words), "refusal": None}
    document = {
        "id": call_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": counts,
    }
    return orjson.dumps(document)
