"""The SSE parser against the rules of the HTML standard."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agentwars.errors import BrokenStream
from agentwars.sse import Event, Parser

WIRE = (
    b"\xef\xbb\xbfretry: 2500\r\n: a comment\r\n\r\n"
    b'id: 7\nevent: message\ndata: {"a":\ndata: "\xe2\x82\xac"}\n\n'
    b'data:{"b":2}\r\rid: 9\n\n: \n\ndata: {"never": "finished"}\n'
)
EVENTS = [Event("message", {"a": "€"}, "7"), Event("message", {"b": 2}, None)]


def test_line_ends_comments_and_joined_data_are_read_as_the_standard_says() -> None:
    parser = Parser()
    assert list(parser.feed(WIRE)) == EVENTS
    assert parser.retry == timedelta(milliseconds=2500)


@given(cuts=some.lists(some.integers(0, len(WIRE)), max_size=8))
def test_bytes_split_anywhere_give_the_same_events(cuts: list[int]) -> None:
    parser = Parser()
    edges = [0, *sorted(cuts), len(WIRE)]
    pieces = [WIRE[start:end] for start, end in pairwise(edges)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS
    assert parser.last_id == "9"


def test_an_id_without_data_moves_the_cursor_and_an_unfinished_event_does_not() -> None:
    parser = Parser()
    assert list(parser.feed(b"id: 3\n\nid: 4\ndata: {}\n")) == []
    assert parser.last_id == "3"


def test_an_empty_id_clears_the_cursor_and_one_with_nul_is_ignored() -> None:
    parser = Parser(last_id="1")
    list(parser.feed(b"id: 2\x00\ndata: {}\n\n"))
    assert parser.last_id == "1"
    list(parser.feed(b"id\ndata: {}\n\n"))
    assert parser.last_id is None


@pytest.mark.parametrize("advice", [b"retry: soon\n\n", b"retry: -5\n\n", "retry: ٣\n\n".encode()])
def test_retry_takes_digits_only(advice: bytes) -> None:
    parser = Parser()
    list(parser.feed(advice))
    assert parser.retry is None


def test_an_event_of_endless_size_breaks_the_stream() -> None:
    parser = Parser()
    endless = (event for _ in range(9) for event in parser.feed(b"data: " + b"x" * 1024 * 1024 + b"\n"))
    with pytest.raises(BrokenStream):
        list(endless)


@pytest.mark.parametrize("data", [b"data: no json\n\n", b"data: [1]\n\n"])
def test_data_that_is_no_object_breaks_the_stream(data: bytes) -> None:
    with pytest.raises(BrokenStream):
        list(Parser().feed(data))
