"""A provider that answers byte by byte as a test dictates, and counts what it is asked.

    async with byte_provider(lambda asked: [STREAM, text("Hi"), STOP, DONE]) as provider:
        ...                       # provider.base_url is a registry's baseUrl
        assert len(provider.calls) == 1

A script is what is sent for one call: bytes (each flushed on its own, so that they are the network's cuts as well), a
`Wait` between them, and at the end, unless `RESET` or `STAY` says otherwise, the end of the connection. A script may be
endless: it is read only as fast as its caller reads. `by_model` has one provider play many, by the model's name.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

LOOPBACK = "127.0.0.1"
PATH = "/v1"


@dataclass(frozen=True)
class Wait:
    """Nothing is sent for so many seconds."""

    seconds: float


class Ending(Enum):
    """How a script ends its connection, where it does not simply close it."""

    RESET = "reset"  # a TCP reset: what was not read yet may be lost
    STAY = "stay"  # left open, silent, until the caller leaves


RESET, STAY = Ending.RESET, Ending.STAY
Step = bytes | Wait | Ending
Script = Iterable[Step]


@dataclass(frozen=True)
class Call:
    """One request as it came. `headers` by lower-case name."""

    line: str
    headers: Mapping[str, str]
    raw_body: bytes

    @cached_property
    def body(self) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(self.raw_body)
        return asked

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def attempt(self) -> str:
        """The attempt the caller named."""
        return self.headers["x-client-request-id"]


Answers = Callable[[Call], Script]

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
"""The head of a streamed answer."""
DONE = b"data: [DONE]\n\n"


def frame(value: object) -> bytes:
    """One event that holds a value as JSON; lone surrogates are escaped, as JSON may."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def choice(delta: object, finish_reason: object = None, **beside: object) -> bytes:
    """An event with one choice; `beside` stands next to `choices`."""
    return frame({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **beside})


def text(content: object) -> bytes:
    """An event with a piece of text."""
    return choice({"content": content})


def tool(**piece: object) -> bytes:
    """An event with a piece of a tool call."""
    return choice({"tool_calls": [piece]})


def usage(counts: object) -> bytes:
    """The event with the counts."""
    return frame({"choices": [], "usage": counts})


STOP = choice({}, "stop")
COUNTED = usage({"prompt_tokens": 3, "completion_tokens": 1})


def answer(*events: bytes) -> list[bytes]:
    """A whole streamed answer: its head, the events, its end with usage."""
    return [STREAM, *events, STOP, COUNTED, DONE]


def refusal(status: int, body: object, **headers: str) -> list[bytes]:
    """An answer that is no 200; `body` as it is where it is bytes, else as JSON. Header names with `_` for `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} Refused", "Content-Type: application/json", f"Content-Length: {len(raw)}", *lines]
    return ["\r\n".join([*head, "Connection: close", "", ""]).encode(), raw]


def by_model(scripts: Mapping[str, Script]) -> Answers:
    """Each model has its own script, the same for each of its calls: one that can be read more than once."""
    return lambda call: scripts[call.model]


@dataclass
class ByteProvider:
    """Who answers. `answers` may be changed between calls; `calls` are all that were made, in their order."""

    answers: Answers
    base_url: str = ""
    calls: list[Call] = field(default_factory=list)
    open: int = 0
    """Connections that are not closed yet."""

    def calls_of(self, model: str) -> list[Call]:
        return [call for call in self.calls if call.model == model]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            # A caller that leaves, or asks for nothing, ends its connection and nothing else.
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                call = await _call(reader)
                self.calls.append(call)
                await _play(self.answers(call), reader, writer)
        finally:
            self.open -= 1
            writer.close()


async def _call(reader: asyncio.StreamReader) -> Call:
    line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    named = (one.partition(":") for one in lines)
    headers = {name.lower(): value.strip() for name, _, value in named}
    return Call(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


async def _play(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for step in script:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
        elif step is RESET:
            _reset(writer)
            return
        elif step is STAY:
            await reader.read()
            return
        elif isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
            # Without this a script without an end would have the loop to itself.
            await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def byte_provider(answers: Answers) -> AsyncIterator[ByteProvider]:
    """A byte provider that listens on a free port of the loopback interface."""
    provider = ByteProvider(answers)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(provider.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    provider.base_url = f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}{PATH}"
    try:
        yield provider
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
