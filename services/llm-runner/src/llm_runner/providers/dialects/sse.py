"""Server-sent events as providers send them: only `data` matters, everything else is skipped."""

from llm_runner.providers.provider import Malformed

LONGEST_EVENT = 16 * 1024 * 1024
LINE_BYTES = 64
"""What a line takes in memory beside its bytes, about: an event of many short ones is long, too."""


class EventTooLong(Malformed):
    """An event without an end: no provider's chunk is that long."""

    def __init__(self) -> None:
        super().__init__(f"an event of the stream is longer than {LONGEST_EVENT} bytes")


class SseDecoder:
    """Cuts a stream's bytes into the `data` of its events, wherever the network cut them.

    Comments and other fields are skipped; lines end with LF, CRLF or CR; lines of one event are joined by LF.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._more: list[bytes] = []
        self._held = 0
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes. Raises EventTooLong."""
        if b"\n" not in piece and b"\r" not in piece and not self._rest.endswith(b"\r"):
            self._hold(piece)
            return []
        text = self._taken() + piece if self._rest or self._more else piece
        if b"\r" in text:
            # A CR at the very end may be half of a CRLF: it waits for what follows.
            held_back = text.endswith(b"\r")
            text = text[:-1] if held_back else text
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if held_back else b"")
        *lines, self._rest = text.split(b"\n")
        if self._rest:
            self._held = len(self._rest)
            self._check(self._held)
        return self._events(lines)

    def end(self) -> list[bytes]:
        """What stands unfinished at the end of the stream: servers forget the last empty line. Raises EventTooLong."""
        return self._events([self._taken().rstrip(b"\r"), b""])

    def _hold(self, piece: bytes) -> None:
        """Keeps a part of a line; a long one that comes in many is put together once."""
        self._more.append(piece)
        self._held += len(piece) + LINE_BYTES
        self._check(self._held)

    def _taken(self) -> bytes:
        rest = b"".join((self._rest, *self._more)) if self._more else self._rest
        self._rest, self._held = b"", 0
        self._more.clear()
        return rest

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line) + LINE_BYTES
            elif not line and self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
                self._size = 0
        if self._size:
            self._check(self._size)
        return events

    def _check(self, size: int) -> None:
        if size > LONGEST_EVENT:
            raise EventTooLong
