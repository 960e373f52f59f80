"""Server-sent events as providers send them: only `data` matters, everything else is skipped."""

LONGEST_EVENT = 4 * 1024 * 1024


class EventTooLong(ValueError):
    """An event without an end: no provider's chunk is that long."""

    def __init__(self) -> None:
        super().__init__(f"an event of the stream is longer than {LONGEST_EVENT} bytes")


class EventReader:
    """Cuts a stream's bytes into the `data` of its events, wherever the network cut them.

    Comments and other fields are skipped; lines end with LF, CRLF or CR; lines of one event are joined by LF.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that `piece` completes. Raises EventTooLong."""
        text = self._rest + piece if self._rest else piece
        if b"\r" in text:
            # A CR at the very end may be half of a CRLF: it waits for what follows.
            held_back = text.endswith(b"\r")
            text = text[:-1] if held_back else text
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if held_back else b"")
        *lines, self._rest = text.split(b"\n")
        if len(self._rest) > LONGEST_EVENT:
            raise EventTooLong
        return self._events(lines)

    def end(self) -> list[bytes]:
        """What stands unfinished at the end of the stream: servers forget the last empty line."""
        rest, self._rest = self._rest.rstrip(b"\r"), b""
        return self._events([rest, b""])

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
        return events
