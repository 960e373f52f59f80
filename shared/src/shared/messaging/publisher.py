"""Publishing with a confirmation, a name and a bound."""

from datetime import datetime, timedelta

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.api import PubAck
from pydantic_core import PydanticSerializationError

from shared.contracts import subjects
from shared.contracts.bounds import LARGEST_PAYLOAD_BYTES
from shared.contracts.events import RunEvent
from shared.contracts.model import Message
from shared.contracts.timestamps import iso, now
from shared.contracts.work import (
    DeadLetter,
    GenerationRequested,
    GenerationStored,
    LookGivenUp,
    MemoryRequested,
    ReportGivenUp,
    ReportRequested,
    RunCommanded,
    UsageAppeared,
)
from shared.errors import BrokerUnavailable, NotStorable
from shared.messaging import history
from shared.messaging.purges import purge_events

PUBLISH_TIMEOUT_SECONDS = 5.0
# Less than the streams' duplicate window of 15 minutes, by more than clocks may differ.
REMEMBERED = timedelta(minutes=14)
CAUSE_MARGIN = timedelta(minutes=5)
JSON = "application/json"

Letter = DeadLetter | ReportGivenUp | LookGivenUp
Work = RunCommanded | GenerationRequested | ReportRequested | MemoryRequested | UsageAppeared | Letter


class Publisher:
    """Publishes to JetStream. Everything is confirmed (deltas go their own way); facts and work carry their message id.

    Raises BrokerUnavailable where the broker does not confirm in time: whoever repeats the effect repeats its id.
    Raises NotStorable where it can never take the message: repeating changes nothing.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stream = client.jetstream(timeout=PUBLISH_TIMEOUT_SECONDS)

    async def work(self, message: Work) -> PubAck:
        """Publishes a command, a job, a request or a dead letter on its own subject."""
        return await self.confirmed(message.subject, message)

    async def done(self, message: GenerationStored, subject: str) -> PubAck:
        """Publishes a done to whoever asked for the generation."""
        return await self.confirmed(subject, message)

    async def republish(self, subject: str, message: Message, message_id: str) -> PubAck:
        """Publishes a message that stood on `subject` before once more, under an id of its own."""
        return await self._send(subject, _encoded(message), _about(message) | {"Nats-Msg-Id": message_id})

    async def event(self, event: RunEvent) -> int:
        """Publishes a fact or a confirmed hint of a run, and returns the sequence at which it stands.

        A fact's id makes a repetition a duplicate while the stream remembers it. Whose cause is older than that is
        looked for in the stream first (docs/protocol.md section 10).
        """
        subject = subjects.events(event.run_id)
        # One that seems to come from the future met a clock that was set back: nobody knows how old it is.
        if event.message_id is not None and abs(now() - event.at) > REMEMBERED:
            standing = await self._find(subject, event.message_id, event.at - CAUSE_MARGIN)
            if standing is not None:
                return standing
        return (await self.confirmed(subject, event)).seq

    async def forget(self, run_id: str) -> None:
        """Takes back every event of a run: nobody is shown it any more. Raises BrokerUnavailable."""
        await purge_events(self._client, run_id)

    async def _find(self, subject: str, message_id: str, since: datetime) -> int | None:
        async for stored in history.read(self._client, subjects.RUN_EVENTS, subject, start_time=since):
            if stored.message_id == message_id:
                return stored.sequence
        return None

    async def scheduled(self, job: GenerationRequested, at: datetime, message_id: str) -> PubAck:
        """Has the stream deliver the job again at `at`. A `duplicate` in the answer means it was NOT scheduled."""
        headers = _about(job) | {
            "Nats-Schedule": f"@at {iso(at)}",
            "Nats-Schedule-Target": job.subject,
            "Nats-Msg-Id": message_id,
        }
        return await self._send(subjects.later(job.key), _encoded(job), headers)

    async def confirmed(self, subject: str, message: Message) -> PubAck:
        """Publishes and waits for the stream to have it."""
        headers = _about(message)
        if message.message_id is not None:
            headers["Nats-Msg-Id"] = message.message_id
        return await self._send(subject, _encoded(message), headers)

    async def _send(self, subject: str, payload: bytes, headers: dict[str, str]) -> PubAck:
        try:
            return await self._stream.publish(subject, payload, headers=headers)
        except MaxPayloadError as error:
            raise self._too_large(headers.get("Aw-Type", subject), payload) from error
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(subject, error) from error

    def _too_large(self, what: str, payload: bytes) -> NotStorable:
        """The broker's own bound may be less than ours."""
        return NotStorable(f"a {what} of {len(payload)} bytes", min(self._client.max_payload, LARGEST_PAYLOAD_BYTES))


def _encoded(message: Message) -> bytes:
    try:
        payload = message.to_json()
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError) as error:
        raise NotStorable(f"a {message.type} that cannot be written as JSON") from error
    # A letter holds a whole job and why it was given up: it has what is kept free for headers, too.
    if len(payload) > LARGEST_PAYLOAD_BYTES and not isinstance(message, Letter):
        raise NotStorable(f"a {message.type} of {len(payload)} bytes", LARGEST_PAYLOAD_BYTES)
    return payload


def _about(message: Message) -> dict[str, str]:
    """What a message is and whom it is about: the sweeper reads it without opening the payload."""
    headers = {"Content-Type": JSON, "Aw-Type": message.type, "Aw-Run-Id": message.run_id}
    conversation = getattr(message, "conversation_id", None)
    return headers | {"Aw-Conversation-Id": conversation} if conversation else headers
