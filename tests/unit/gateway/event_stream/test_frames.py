"""Events are one line each, to clients that split by every line end of Unicode, too."""

import json

import pytest

from gateway.answers.answer_events import TextDelta, escaped, read_answer_event, unescaped
from gateway.answers.formats import compact
from gateway.event_stream.log.frames import named, one_line

ODD = "one\u2028two\u2029three\u0085four – “five”"


@pytest.mark.parametrize("text", [ODD, "\u2028" * 3, "plain", "", "ends \u0085"])
def test_json_is_one_line_by_every_line_end_of_unicode_and_says_the_same(text: str) -> None:
    written = one_line(json.dumps({"text": text}, ensure_ascii=False).encode())
    assert len(written.decode().splitlines()) == 1
    assert json.loads(written) == {"text": text}


def test_an_event_a_chunk_and_a_piece_of_a_chat_are_each_one_line() -> None:
    payload = json.dumps({"type": "message", "content": ODD}, ensure_ascii=False).encode()
    assert [line.partition(":")[0] for line in named("message", payload, "1").decode().splitlines()] == [
        *("id", "event", "data", "")
    ]
    assert len(compact({"delta": ODD}).decode().splitlines()) == 1
    assert unescaped(escaped(ODD)) == ODD


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["as the runner writes it", "as any other JSON"])
def test_a_delta_of_a_chat_is_one_line(separators: tuple[str, str]) -> None:
    names = ("type", "schemaVersion", "runId", "conversationId", "seq", "purpose", "attempt", "at", "i", "text")
    delta = dict(zip(names, ("delta", 1, "r", "r", 2, "chat", "a", "now", 0, ODD), strict=True))
    payload = json.dumps(delta, ensure_ascii=False, separators=separators).encode()
    event = read_answer_event(7, "delta", payload, 2)
    assert isinstance(event, TextDelta)
    assert len(event.escaped.decode().splitlines()) == 1
    assert unescaped(event.escaped) == ODD
