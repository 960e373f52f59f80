"""Where a request's head, body and trailers end in the bytes of a connection, and what its lines take. Pure.

The parser says what bytes mean, not where they end: one read may hold the end of a body and the next request. Here
they are cut at these ends, so that everything is counted for what it is, however it comes.
"""

from enum import IntEnum
from typing import Final

BLANK_LINE: Final = b"\r\n\r\n"
CHUNK_LINE: Final = 16
"""What a chunk's size may take with its line end; what its line takes beyond that counts as a head's lines do."""

LONGEST_LENGTH: Final = 20


class _Part(IntEnum):
    HEAD = 0
    BODY = 1
    CHUNKS = 2
    TRAILERS = 3


class RequestBytes:
    """The bytes of one connection. `lines` is what the head and the trailers of the request in hand take, in bytes.

    The blank line that ends them is not counted. Whoever uses it says when a head and when a request has ended.
    """

    __slots__ = ("_body", "_chunk_line", "_part", "_tail", "lines")

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """The next bytes begin a request."""
        self.lines = 0
        self._part = _Part.HEAD
        self._body = 0
        self._chunk_line = self._tail = b""

    @property
    def at_start(self) -> bool:
        """Whether no byte of a request has come."""
        return self.lines == 0 and self._part is _Part.HEAD

    def lines_exceed(self, most: int) -> bool:
        """Whether head and trailers take more than `most` bytes: said as soon as no further byte can change it."""
        return self.lines > most and self.lines - (len(self._tail) - len(self._tail.rstrip(b"\r\n"))) > most

    def head_ended(self, length: int, chunked: bool) -> None:
        """What follows is a body of `length` bytes, or one in chunks."""
        self._part = _Part.CHUNKS if chunked else _Part.BODY
        self._body = 0 if chunked else length

    def end(self, data: bytes, at: int) -> int:
        """Up to where the bytes from `at` on are of one part: a head, a body, or a body in chunks with its trailers."""
        if self._part is _Part.BODY:
            # A parser that waits for more than was announced gets it: it knows better.
            return self._through_body(data, at) if self._body else len(data)
        while self._part is _Part.CHUNKS and at < len(data):
            at = self._through_body(data, at) if self._body else self._through_size(data, at)
        return at if self._part is _Part.CHUNKS else self._to_blank_line(data, at)

    def _through_body(self, data: bytes, at: int) -> int:
        taken = min(self._body, len(data) - at)
        self._body -= taken
        return at + taken

    def _through_size(self, data: bytes, at: int) -> int:
        """Through the line before a chunk, of which no more is kept than a size takes."""
        line_end = data.find(b"\n", at) + 1
        end = line_end or len(data)
        self.lines += max(0, len(self._chunk_line) + end - at - CHUNK_LINE)
        self._chunk_line = (self._chunk_line + data[at : min(end, at + CHUNK_LINE)])[:CHUNK_LINE]
        if line_end:
            size = _size(self._chunk_line)
            self._chunk_line = b""
            if size:
                self._body = size + len(b"\r\n")
            else:
                # The last chunk has no bytes. Its line end and the next one may be the blank line already.
                self._part, self._tail = _Part.TRAILERS, b"\r\n"
        return end

    def _to_blank_line(self, data: bytes, at: int) -> int:
        end = self._blank_line_end(data, at)
        if end is None:
            self.lines += len(data) - at
            self._tail = (self._tail + data[max(at, len(data) - 3) :])[-3:]
            return len(data)
        self.lines += end - at - len(b"\r\n")
        self._tail = b""
        return end

    def _blank_line_end(self, data: bytes, at: int) -> int | None:
        """The place after it, where it may have begun in what came before; None where it has not come."""
        if self._tail:
            found = (self._tail + data[at : at + 3]).find(BLANK_LINE)
            if found >= 0:
                return at + found + len(BLANK_LINE) - len(self._tail)
        found = data.find(BLANK_LINE, at)
        return found + len(BLANK_LINE) if found >= 0 else None


def _size(line: bytes) -> int:
    """The bytes of a chunk, by its first line; 0 for what is no number, which the parser refuses."""
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        return 0


def content_length(value: bytes | None) -> int | None:
    """The length that a header says; None where it says none."""
    if value is None or not value.isdigit():
        return None
    # Of a number of thousands of digits, which parsers take where most are zeros, Python reads none.
    return int(value.lstrip(b"0")[:LONGEST_LENGTH] or b"0")
