"""Where parts of requests end, and what their lines take, whatever the cuts of the bytes."""

from collections.abc import Iterable
from itertools import pairwise

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.request_bytes import RequestBytes, content_length

HEAD = b"POST /a HTTP/1.1\r\nHost: here\r\nX-One: 1\r\n"
REQUESTS = {
    "no body": (HEAD, b"", 0, False),
    "a length": (HEAD, b"a\r\n\r\nb", 6, False),
    "chunks": (HEAD, b"5\r\na\r\n\r\n\r\n1;e=1\r\nx\r\n0\r\n\r\n", 0, True),
    "trailers": (HEAD, b"2\r\n{}\r\n0\r\nA: b\r\nC: d\r\n\r\n", 0, True),
}
"""Lines of the head, what comes after it, the length of the body, whether it comes in chunks."""
TRAILERS = {"trailers": len(b"A: b\r\nC: d\r\n")}


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    at = [0, *sorted({place % len(data) for place in places} - {0}), len(data)]
    return [data[begin:end] for begin, end in pairwise(at)]


def parts_of(pieces: list[bytes], requests: list[tuple[bytes, bytes, int, bool]]) -> list[tuple[bytes, int]]:
    """Every part as it was cut out, with the lines that were counted at its end."""
    counted, part = RequestBytes(), b""
    found: list[tuple[bytes, int]] = []
    ends = [end for head, after, _, _ in requests for end in ((head + b"\r\n", after) if after else (head + b"\r\n",))]
    waiting, in_head, after = list(requests), True, b""
    for piece in pieces:
        at = 0
        while at < len(piece):
            end = counted.end(piece, at)
            assert end > at
            part, at = part + piece[at:end], end
            if part == ends[len(found)]:
                found.append((part, counted.lines))
                part = b""
                ended = not in_head
                if in_head:
                    _, after, length, chunked = waiting.pop(0)
                    counted.head_ended(length, chunked)
                    ended = not after
                in_head = ended
                if ended:
                    counted.start()
    assert part == b""
    return found


@given(
    names=st.lists(st.sampled_from(sorted(REQUESTS)), min_size=1, max_size=4),
    places=st.lists(st.integers(min_value=0, max_value=2000), max_size=60),
)
def test_parts_end_where_they_end_whatever_the_cuts(names: list[str], places: list[int]) -> None:
    requests = [REQUESTS[name] for name in names]
    sent = b"".join(head + b"\r\n" + after for head, after, _, _ in requests)
    expected = []
    for name, (head, after, _, _) in zip(names, requests, strict=True):
        expected.append((head + b"\r\n", len(head)))
        if after:
            expected.append((after, len(head) + TRAILERS.get(name, 0)))
    assert parts_of(cut(sent, places), requests) == expected


@given(places=st.lists(st.integers(min_value=0, max_value=400), max_size=40))
def test_what_a_chunks_line_takes_beyond_its_size_counts(places: list[int]) -> None:
    counted = RequestBytes()
    counted.head_ended(0, chunked=True)
    line = b"1;" + b"e" * 198 + b"\r\n"
    for piece in cut(line + b"x\r\n", places):
        assert counted.end(piece, 0) == len(piece)
    assert counted.lines == len(line) - 16


@given(extra=st.integers(min_value=-3, max_value=3), places=st.lists(st.integers(min_value=0, max_value=200)))
def test_a_head_exceeds_its_bound_or_does_not_whatever_the_cuts(extra: int, places: list[int]) -> None:
    bound = 100
    lines = b"GET / HTTP/1.1\r\nX: " + b"x" * (bound + extra - 21) + b"\r\n"
    counted, exceeded = RequestBytes(), False
    for piece in cut(lines + b"\r\n", places):
        counted.end(piece, 0)
        exceeded = exceeded or counted.lines_exceed(bound)
    assert len(lines) == bound + extra
    assert exceeded == (extra > 0)


@given(body=st.lists(st.binary(min_size=1, max_size=40), max_size=8), trailers=st.integers(min_value=0, max_value=3))
def test_the_parser_ends_a_request_in_chunks_at_the_same_place(body: list[bytes], trailers: int) -> None:
    class Heard:
        complete = False

        def on_message_complete(self) -> None:
            self.complete = True

    heard, counted = Heard(), RequestBytes()
    parser = httptools.HttpRequestParser(heard)
    parser.feed_data(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    counted.head_ended(0, chunked=True)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in body)
    sent = chunks + b"0\r\n" + b"T: t\r\n" * trailers + b"\r\n"
    end = counted.end(sent + b"GET / HTTP/1.1\r\n", 0)
    parser.feed_data(sent[: end - 1])
    assert not heard.complete
    parser.feed_data(sent[end - 1 : end])
    assert heard.complete
    assert end == len(sent)


@pytest.mark.parametrize(
    ("said", "length"),
    [(None, None), (b"", None), (b"x", None), (b"0", 0), (b"007", 7), (b"0" * 5000 + b"7", 7), (b"9" * 30, 10**20 - 1)],
)
def test_a_length_is_read_however_many_digits_it_has(said: bytes | None, length: int | None) -> None:
    assert content_length(said) == length
