"""The decoder of event streams, wherever the network cuts them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_runner.providers.dialects.sse import LONGEST_EVENT, EventTooLong, SseDecoder

STREAM = b': hello\n\ndata: {"a":1}\n\nevent: x\ndata: {"b":2}\nid: 7\n\ndata:[DONE]\n\n'
EVENTS = [b'{"a":1}', b'{"b":2}', b"[DONE]"]


def _read(pieces: list[bytes]) -> list[bytes]:
    decoder = SseDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12), ending=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_events_are_the_same_however_the_stream_is_cut(cuts: list[int], ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert _read(pieces) == EVENTS


def test_data_lines_of_one_event_are_joined() -> None:
    assert _read([b"data: one\ndata: two\n\n"]) == [b"one\ntwo"]


def test_an_event_without_its_last_empty_line_counts() -> None:
    assert _read([b"data: one\n\ndata: two"]) == [b"one", b"two"]


def test_comments_and_empty_events_are_nothing() -> None:
    assert _read([b": PROCESSING\n\n\n\nretry: 5\n\n"]) == []


def test_an_event_without_an_end_is_refused() -> None:
    decoder = SseDecoder()
    with pytest.raises(EventTooLong):
        decoder.feed(b"data: " + b"x" * LONGEST_EVENT)


@pytest.mark.parametrize("line", [b"data: " + b"x" * 1000 + b"\n", b"data:xy\n", b"data:\n"])
def test_an_event_of_many_lines_is_as_long_as_they_are(line: bytes) -> None:
    with pytest.raises(EventTooLong):
        _read([line] * (2 * LONGEST_EVENT // len(line) + 1))


def test_a_line_that_comes_byte_by_byte_is_bounded_too() -> None:
    with pytest.raises(EventTooLong):
        _read([b"x"] * LONGEST_EVENT)


def test_a_line_that_comes_in_pieces_is_put_together() -> None:
    assert _read([b"da", b"ta: o", b"n", b"e", b"\r", b"\n", b"\n", b"data: two", b"\r", b"\r"]) == [b"one", b"two"]
