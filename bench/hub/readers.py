"""Many clients of event streams in one loop, as cheap as Python can: they count, and some of them look closely.

    python -m bench.hub.readers < options.json

A program of its own, so that it shares no interpreter with what it measures. It prints `{"connected": ...}` as soon
as every client has its first byte, and answers a line on its input with a line of figures: `mark` begins a new count.
"""

import json
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

from bench.hub.marked_events import MARK, known

READ_BYTES: Final = 256 * 1024
CONNECT_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 1.0
READABLE: Final = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR


@dataclass
class Figures:
    """What all clients saw since the last mark."""

    events: int = 0
    missing: int = 0
    """Numbers that did not follow the one before, of clients that look."""
    closed: int = 0
    delays: list[float] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """Delays in milliseconds."""
        cut = quantiles(self.delays, n=1000) if len(self.delays) > 1 else [0.0] * 999
        return {
            "events": self.events,
            "missing": self.missing,
            "closed": self.closed,
            "looked": len(self.delays),
            "p50": cut[499] * 1000,
            "p99": cut[989] * 1000,
            "most": max(self.delays, default=0.0) * 1000,
        }


class Reader:
    """One connection. One that looks parses every event and knows the number of its last one."""

    __slots__ = ("_buffer", "last", "looks", "reached_at", "socket", "started")

    def __init__(self, address: tuple[str, int], request: bytes, looks: bool, last: int | None) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(address)
        self.looks = looks
        self.started = False
        self.last = last
        self.reached_at: float | None = None
        self._buffer = request

    def say(self) -> None:
        """Sends the request, once connected."""
        self.socket.send(self._buffer)
        self._buffer = b""

    def look(self, data: bytes, figures: Figures) -> None:
        """Counts what the data holds, and reads it where this client looks."""
        figures.events += data.count(MARK)
        if not self.looks:
            return
        *frames, self._buffer = (self._buffer + data).split(b"\n\n")
        for frame in frames:
            event = known(frame)
            if event is not None:
                figures.delays.append(event.delay_seconds)
                figures.missing += self.last is not None and event.number != self.last + 1
                self.last = event.number


def requests(group: dict[str, Any]) -> list[tuple[bytes, int | None]]:
    """The requests of one group of clients, and the number each has: its own last id where ids are given."""
    nothing = [None] * group["clients"]
    last_ids: Sequence[str | None] = group.get("lastIds") or nothing
    numbers: Sequence[int | None] = group.get("lastNumbers") or nothing
    return [(_request(group, last_id), number) for last_id, number in zip(last_ids, numbers, strict=True)]


def _request(group: dict[str, Any], last_id: str | None) -> bytes:
    head = f"GET {group['path']} HTTP/1.1\r\nHost: {group['host']}\r\nAccept: text/event-stream\r\n"
    return (head + (f"Last-Event-ID: {last_id}\r\n" if last_id else "") + "\r\n").encode()


class Crowd:
    """All clients of this process. `until` is the number that a client has to reach, where one is waited for."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._poll = select.epoll()
        self._readers: dict[int, Reader] = {}
        self._until: int | None = options.get("until")
        self._began = time.monotonic()
        self.figures = Figures()
        one_in: int = options.get("lookOneIn", 10)
        for group in options["groups"]:
            for request, last in requests(group):
                looks = len(self._readers) % one_in == 0
                reader = Reader((group["host"], group["port"]), request, looks, last)
                self._readers[reader.socket.fileno()] = reader
                self._poll.register(reader.socket, READABLE | select.EPOLLOUT)
        self._silent = self._behind = len(self._readers)
        self._poll.register(sys.stdin, select.EPOLLIN)

    def connect(self) -> dict[str, Any]:
        """Returns when every client has its first byte. Raises TimeoutError."""
        while self._silent:
            if time.monotonic() > self._began + CONNECT_SECONDS:
                raise TimeoutError("not every client was answered")
            self._turn()
        return {"connected": len(self._readers), "seconds": time.monotonic() - self._began}

    def reach(self) -> dict[str, Any]:
        """Returns when every client has reached the number. Raises TimeoutError."""
        while self._behind:
            if time.monotonic() > self._began + CONNECT_SECONDS:
                raise TimeoutError("not every client got that far")
            self._turn()
        took = [(reader.reached_at or 0.0) - self._began for reader in self._readers.values()]
        return {"reached": len(took), "seconds": max(took), **self.figures.shown()}

    def count(self) -> None:
        """Answers every line of the input until its end."""
        while True:
            if self._turn():
                asked = sys.stdin.readline().strip()
                if not asked:
                    return
                say(self.figures.shown())
                self.figures = Figures()

    def _turn(self) -> bool:
        """Takes what is there; answers whether the input has something to read."""
        asked = False
        for descriptor, mask in self._poll.poll(WAIT_SECONDS):
            reader = self._readers.get(descriptor)
            if reader is None:
                asked = True
            elif mask & select.EPOLLOUT:
                reader.say()
                self._poll.modify(descriptor, READABLE)
            else:
                self._read(descriptor, reader)
        return asked

    def _read(self, descriptor: int, reader: Reader) -> None:
        try:
            data = reader.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._poll.unregister(descriptor)
            self.figures.closed += 1
            return
        self._silent -= not reader.started
        reader.started = True
        reader.look(data, self.figures)
        if self._until is not None and reader.reached_at is None and (reader.last or 0) >= self._until:
            reader.reached_at, reader.looks = time.monotonic(), False
            self._behind -= 1


def say(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


def main() -> None:
    options = json.loads(sys.stdin.readline())
    crowd = Crowd(options)
    say(crowd.connect())
    if options.get("until") is not None:
        say(crowd.reach())
    crowd.count()


if __name__ == "__main__":
    main()
