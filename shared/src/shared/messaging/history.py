"""Reading a stream without a consumer: batched direct get (nats-server 2.11 and newer, ADR-31)."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.contracts.timestamps import iso
from shared.errors import BrokerUnavailable

BATCH = 256
BATCH_BYTES = 8 * 1024 * 1024
"""What is held of a stream at once: a dead letter or a job may have a megabyte, and 256 of them are read together."""
READ_TIMEOUT_SECONDS = 5.0
END_OF_BATCH = "204"
NOT_FOUND = "404"
ID_HEADERS = ("Aw-Run-Id", "Aw-Conversation-Id")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message as the stream holds it; `about` holds the ids its headers name (run, conversation)."""

    sequence: int
    subject: str
    data: bytes
    message_id: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    about: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Batch:
    messages: list[StoredMessage]
    pending: int


async def read(
    client: Client,
    stream: str,
    subject: str,
    *,
    from_sequence: int | None = None,
    start_time: datetime | None = None,
    up_to_sequence: int | None = None,
) -> AsyncIterator[StoredMessage]:
    """Every stored message of `subject` (wildcards allowed) in order, from a sequence or a time on.

    Ends at what stood there when it began, or at `up_to_sequence`. Raises BrokerUnavailable.
    """
    request: dict[str, object] = {"batch": BATCH, "max_bytes": BATCH_BYTES, "next_by_subj": subject}
    if start_time is not None:
        request["start_time"] = iso(start_time)
    else:
        request["seq"] = max(1, from_sequence or 1)
    while True:
        batch = await _fetch(client, stream, request)
        for message in batch.messages:
            if up_to_sequence is not None and message.sequence > up_to_sequence:
                return
            yield message
        if not batch.messages or batch.pending == 0:
            return
        request.pop("start_time", None)
        request["seq"] = batch.messages[-1].sequence + 1


async def _fetch(client: Client, stream: str, request: dict[str, object]) -> _Batch:
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    messages: list[StoredMessage] = []
    try:
        await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            while True:
                reply = await subscription.next_msg(timeout=READ_TIMEOUT_SECONDS)
                headers = reply.headers or {}
                status = headers.get("Status")
                if status == NOT_FOUND:
                    return _Batch(messages, 0)
                if status == END_OF_BATCH:
                    return _Batch(messages, int(headers.get("Nats-Num-Pending", "0")))
                if status is not None:
                    # 503 while JetStream starts, or while the stream has no leader.
                    raise BrokerUnavailable(f"a read of {stream}", RuntimeError(f"status {status}"))
                messages.append(_stored(reply))
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailable(f"a read of {stream}", error) from error
    finally:
        await subscription.unsubscribe()


def _stored(reply: Msg) -> StoredMessage:
    headers = reply.headers or {}
    return StoredMessage(
        sequence=int(headers["Nats-Sequence"]),
        subject=headers["Nats-Subject"],
        data=reply.data,
        message_id=headers.get("Nats-Msg-Id"),
        headers=headers,
        about=frozenset(headers[name] for name in ID_HEADERS if name in headers),
    )


async def about(client: Client, stream: str, subject: str) -> set[str]:
    """The runs and conversations that a stream holds a message of, by their ids. Raises BrokerUnavailable."""
    found: set[str] = set()
    async for stored in read(client, stream, subject):
        found |= stored.about
    return found


async def bounds(client: Client, stream: str) -> tuple[int, int]:
    """The first and the last sequence of a stream; the first is greater where it is empty. Raises BrokerUnavailable."""
    try:
        state = (await client.jetstream(timeout=READ_TIMEOUT_SECONDS).stream_info(stream)).state
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailable(f"a look at {stream}", error) from error
    return state.first_seq, state.last_seq


async def last_sequence(client: Client, stream: str, subject: str) -> int:
    """The sequence of the last message stored on `subject`, or 0. Raises BrokerUnavailable."""
    message = await last(client, stream, subject)
    return message.sequence if message else 0


async def last(client: Client, stream: str, subject: str) -> StoredMessage | None:
    """The last message stored on `subject`, or None. Raises BrokerUnavailable."""
    try:
        reply = await client.request(
            f"$JS.API.DIRECT.GET.{stream}",
            json.dumps({"last_by_subj": subject}).encode(),
            timeout=READ_TIMEOUT_SECONDS,
        )
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailable(f"a look at {stream}", error) from error
    return None if (reply.headers or {}).get("Status") == NOT_FOUND else _stored(reply)


async def first_since(client: Client, stream: str, subject: str, start_time: datetime) -> StoredMessage | None:
    """The first stored message of `subject` (wildcards allowed) from a time on, or None. Raises BrokerUnavailable."""
    request: dict[str, object] = {"batch": 1, "next_by_subj": subject, "start_time": iso(start_time)}
    batch = await _fetch(client, stream, request)
    return batch.messages[0] if batch.messages else None
