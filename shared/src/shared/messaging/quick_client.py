"""nats-py's client with the ways that every message takes made short.

nats-py takes much Python for a message with headers (regular expressions, a header dictionary, a queue, a task that is
woken) and more for a request (a task and a timer of its own for every wait). Every delta of every watched run passes
the first, every fact, job, done and acknowledgement the second, and on a busy machine that is what people wait for. So
three things are done here instead, and everything else (connecting, reconnecting, subscribing, draining) is left to
nats-py:

    read      messages somebody listens to go straight to a function, everything else to nats-py
    request   one subject for all answers, one future and one timer a question
    publish   the command is written and the flusher told, without a step of the event loop
"""

import asyncio
import itertools
import re
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.client import __version__ as installed
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadSubjectError, MaxPayloadError, NoRespondersError, OutboundBufferLimitError, TimeoutError
from nats.errors import Error as NatsError
from nats.protocol.parser import Parser

from shared.errors import AgentWarsError
from shared.messaging.broker import Broker
from shared.messaging.direct import STATUS, End, Hear, header_block, read_headers
from shared.messaging.direct_parser import DirectParser

_UNFIT = re.compile(r"\s")
NO_RESPONDERS = "503"
ROOM_SECONDS = 2.0
"""For so long a message waits while a server does not read what was sent before it."""
ROOM_PAUSE_SECONDS = 0.02


# What this leans on and nats-py does not promise: its client, its parser, its subscription.
CLIENT_NAMES: Final = (
    "_ps",
    "_pending",
    "_pending_data_size",
    "_max_pending_size",
    "_max_payload",
    "_flush_queue",
    "_status",
    "_process_msg",
    "_process_headers",
)
PARSER_NAMES: Final = ("nc", "buf", "reset", "parse")
SUBSCRIPTION_NAMES: Final = ("_id", "_pending_queue")


class UnknownNatsPy(AgentWarsError):
    """The installed nats-py is not one that the quick client knows its way through."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(
            f"nats-py {installed} has no {', '.join(missing)}, which the quick client needs: "
            "set AGENTWARS_NATS_CLIENT=plain, or install the nats-py that shared/pyproject.toml names"
        )


def check_nats_py() -> None:
    """Raises UnknownNatsPy where a name that the quick client uses is gone."""
    client = Client()
    looked_for = ((client, CLIENT_NAMES), (Parser(client), PARSER_NAMES), (Subscription(client), SUBSCRIPTION_NAMES))
    missing = [f"{type(of).__name__}.{name}" for of, names in looked_for for name in names if not hasattr(of, name)]
    if missing:
        raise UnknownNatsPy(missing)


class QuickClient(Client):
    """A connection to NATS; as a TextSink and a DirectListener it needs neither a task nor a queue."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = DirectParser(self)
        self._ps = self._parser
        self._replies: str | None = None
        self._tokens = itertools.count()
        self._asked: dict[bytes, asyncio.Future[Msg]] = {}
        self._nothing_waits: asyncio.Queue[Msg] = asyncio.Queue()

    async def listen(self, subject: str, hear: Hear) -> End:
        """Has `hear` called for every message, in their order; returns what ends that. Raises nats.errors.Error."""
        # A subscription that waits for one future has neither a queue that is used, nor a task. An empty queue takes
        # 3 KB, a tenth of what a run costs that somebody watches: one does for all.
        never: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        subscription = await self.subscribe(subject, future=never)
        subscription._pending_queue = self._nothing_waits
        self._parser.direct[subscription._id] = hear

        async def end() -> None:
            self._parser.direct[subscription._id] = _nobody
            if not self.is_closed:
                await subscription.unsubscribe()
            del self._parser.direct[subscription._id]

        return end

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """As nats-py's; its time begins when it is sent.

        Raises nats.errors.TimeoutError, NoRespondersError, and what `publish` raises.
        """
        if self._replies is None:
            await self._listen_for_replies()
        token = b"%d" % next(self._tokens)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Msg] = loop.create_future()
        self._asked[token] = answer
        try:
            await self.publish(subject, payload, f"{self._replies}.{token.decode()}", headers)
            timer = loop.call_later(timeout, _expire, answer)
            try:
                return await answer
            finally:
                timer.cancel()
        finally:
            del self._asked[token]

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, Any] | None = None
    ) -> None:
        """As nats-py's, but where too much waits to be sent, room is waited for, and no longer than a time.

        Raises nats.errors.MaxPayloadError for what the server would end the connection for: it counts headers, too;
        OutboundBufferLimitError where the server reads nothing.
        """
        head = header_block(headers)
        if len(head) + len(payload) > self._max_payload:
            raise MaxPayloadError
        if self._is_full:
            await self._wait_for_room()
        if self._status == Client.CONNECTED:
            self._write(subject, payload, reply, head)
        else:
            await super().publish(subject, payload, reply, headers)

    def send(self, subject: str, payload: bytes, reply: str = "", headers: dict[str, Any] | None = None) -> bool:
        """Publishes at once, or, while it reconnects, as soon as it can; False where that cannot be promised."""
        head = header_block(headers)
        size = len(head) + len(payload)
        room = size <= self._max_payload and self._pending_data_size + size <= self._max_pending_size // 2
        if not room or self._flush_queue is None or self._status not in (Client.CONNECTED, Client.RECONNECTING):
            return False
        self._write(subject, payload, reply, head)
        return True

    @property
    def _is_full(self) -> bool:
        """Whether a connection that stands has as much waiting as it keeps."""
        return self._pending_data_size > self._max_pending_size and self._status == Client.CONNECTED

    async def _wait_for_room(self) -> None:
        # nats-py's own wait has no end: the server says nothing while it does not read.
        gives_up_at = asyncio.get_running_loop().time() + ROOM_SECONDS
        while self._is_full:
            if asyncio.get_running_loop().time() > gives_up_at:
                raise OutboundBufferLimitError
            await asyncio.sleep(ROOM_PAUSE_SECONDS)

    def _write(self, subject: str, payload: bytes, reply: str, head: bytes) -> None:
        command = _command(subject, reply, payload, head)
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += len(head) + len(payload)
        self._pending.append(command)
        self._pending_data_size += len(command)
        flushing = self._flush_queue
        if flushing is not None and flushing.empty() and self._status == Client.CONNECTED:
            flushing.put_nowait(asyncio.get_running_loop().create_future())

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        """As nats-py's; a block nobody can read is none: it would end the reading of the whole connection."""
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError):
            return {}

    async def _listen_for_replies(self) -> None:
        # Said first: whoever asks meanwhile publishes behind the subscription, on the same connection.
        self._replies = self.new_inbox()
        try:
            await self.listen(f"{self._replies}.*", self._hear_reply)
        except NatsError:
            self._replies = None
            raise

    def _hear_reply(self, subject: bytes, block: bytes, payload: bytes) -> None:
        answer = self._asked.get(subject.rpartition(b".")[2])
        if answer is None or answer.done():
            return
        headers = read_headers(block) if block else None
        if headers and headers.get(STATUS) == NO_RESPONDERS:
            answer.set_exception(NoRespondersError())
        else:
            answer.set_result(Msg(_client=self, subject=subject.decode(), data=payload, headers=headers))


class QuickBroker(Broker):
    """FastStream's broker on a quick client."""

    async def _connect(self) -> Client:
        client = QuickClient()
        await client.connect(**self._connection_kwargs)
        self.config.connect(client)
        return client


def _command(subject: str, reply: str, payload: bytes, head: bytes) -> bytes:
    if not subject or _UNFIT.search(subject):
        raise BadSubjectError
    if not head:
        return b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply.encode(), len(payload), payload)
    sizes = (len(head), len(head) + len(payload))
    place = b"%s %s" % (subject.encode(), reply.encode())
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (place, *sizes, head, payload)


def _expire(answer: asyncio.Future[Msg]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _nobody(_subject: bytes, _headers: bytes, _payload: bytes) -> None:
    """Takes what is still on its way to somebody who left."""
