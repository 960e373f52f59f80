"""The two ports for text on its way to a reader: publishing it without a wait, listening to it without a queue.

Every token passes both. The quick client is one implementation; nats-py as it is, here, is the other: slower, but it
leans on nothing that nats-py does not promise (`AGENTWARS_NATS_CLIENT`).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

Hear = Callable[[bytes, bytes, bytes], None]
"""Takes a message's subject, its header block as it came (or nothing), and its payload.

What it raises goes to the event loop's exception handler, as from any callback: the connection reads on.
"""
End = Callable[[], Awaitable[None]]
STATUS: Final = "Status"
WAITING_BYTES: Final = 4 * 1024 * 1024
HEADERS_BEGIN: Final = b"NATS/1.0\r\n"
_LINE_END: Final = b"\r\n"


class TextSink(Protocol):
    """Publishes what need not be confirmed."""

    def send(self, subject: str, payload: bytes) -> bool:
        """Publishes at once, or, while it reconnects, as soon as it can; False where that cannot be promised."""


class DirectListener(Protocol):
    """Hears what others publish, between two messages of the whole connection."""

    async def listen(self, subject: str, hear: Hear) -> End:
        """Has `hear` called for every message, in their order; returns what ends that. Raises nats.errors.Error."""


class Direct(TextSink, DirectListener, Protocol):
    """Both, as a connection has them."""


class PlainDirect:
    """Both ports by what nats-py promises: a subscription with a callback, and a publish that waits for its turn."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._sending: asyncio.Task[None] | None = None

    def send(self, subject: str, payload: bytes) -> bool:
        """What waits is sent in its order; at most WAITING_BYTES of it."""
        client, size = self._client, len(payload)
        stands = client.is_connected or client.is_reconnecting
        if not stands or size > client.max_payload or self._waiting_bytes + size > WAITING_BYTES:
            return False
        self._waiting.append((subject, payload))
        self._waiting_bytes += size
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_waiting())
        return True

    async def listen(self, subject: str, hear: Hear) -> End:
        async def on_message(message: Msg) -> None:
            try:
                hear(message.subject.encode(), header_block(message.headers), message.data)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not the connection's
                told = {"message": f"a message on {message.subject!r} was not heard", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)

        subscription = await self._client.subscribe(subject, cb=on_message)

        async def end() -> None:
            if not self._client.is_closed:
                await subscription.unsubscribe()

        return end

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                subject, payload = self._waiting.popleft()
                self._waiting_bytes -= len(payload)
                await self._client.publish(subject, payload)
        except NatsError:
            # Nobody is promised that it arrives: what was said stands in its message.
            self._waiting.clear()
            self._waiting_bytes = 0
        finally:
            self._sending = None


def header_block(headers: Mapping[str, Any] | None) -> bytes:
    """Headers as they stand in the protocol; nothing for none."""
    if headers is None:
        return b""
    lines = "".join([f"{name}: {_one_line(value)}\r\n" for name, value in headers.items()])
    return b"%s%s\r\n" % (HEADERS_BEGIN, lines.encode())


def read_headers(block: bytes) -> dict[str, str]:
    """A header block's headers; malformed ones are left out, bytes that are no UTF-8 replaced.

    The server's own word stands in the first line: `NATS/1.0 404 Message Not Found`.
    """
    first, *lines = block.split(_LINE_END)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        # A name is one word; several are none.
        words = name.split()
        if colon and len(words) == 1 and name.isascii():
            headers[words[0].decode()] = value.strip().decode("utf-8", "replace")
    status = first.partition(b" ")[2].strip()
    return headers | {STATUS: status[:3].decode()} if status else headers


def _one_line(value: str) -> str:
    """A value that holds a line end could be taken for protocol."""
    return value if value.isprintable() else value.translate({13: " ", 10: " "})
