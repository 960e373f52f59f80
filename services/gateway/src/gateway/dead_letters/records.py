"""Dead letters as they stand on their stream: read by direct get, newest first, without a consumer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client
from pydantic import ValidationError

from gateway.dead_letters.views import DeadLetterItem, DeadLetterPage, DeadLetterView
from gateway.errors import FieldProblem, InvalidRequest, NotFound
from shared.contracts import subjects
from shared.contracts.enums import Purpose
from shared.contracts.kinds import ANSWER_PURPOSES
from shared.contracts.transcript import Failure
from shared.contracts.work import DeadLetter, LookGivenUp, ReportGivenUp
from shared.errors import BrokerUnavailable
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.messaging.history import StoredMessage
from shared.storage.owned import OwnedStore

SEQUENCE: Final = re.compile(r"[1-9][0-9]{0,14}")
EVERYTHING = ">"
OF_ANSWERS = ANSWER_PURPOSES | {Purpose.MEMORY}
Work = DeadLetter | LookGivenUp | ReportGivenUp
CONTRACTS: dict[str, type[Work]] = {one.subject: one for one in (DeadLetter, LookGivenUp, ReportGivenUp)}


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    """A dead letter; `work` is what was given up, None where the broker itself tells of a message nobody could read."""

    stored: StoredMessage
    work: Work | None

    @property
    def id(self) -> str:
        return str(self.stored.sequence)

    @property
    def run_id(self) -> str | None:
        return self.stored.headers.get("Aw-Run-Id")

    @property
    def is_played(self) -> bool:
        """Whether it is about a conversation that has an id beside its run's, or about no run at all."""
        if isinstance(self.work, DeadLetter):
            return self.work.job.conversation_id != self.run_id and self.work.job.purpose not in OF_ANSWERS
        conversation = self.stored.headers.get("Aw-Conversation-Id")
        return self.run_id is None or (self.stored.subject != LookGivenUp.subject and conversation != self.run_id)


def client_of(connection: Connection) -> Client:
    """The connection to the broker. Raises BrokerUnavailable where there is none."""
    if not connection.connected:
        raise BrokerUnavailable("a look at dead letters", ConnectionError("not connected"))
    return connection.client


async def page(client: Client, store: OwnedStore, cursor: str | None, limit: int) -> DeadLetterPage:
    """At most `limit` of the owner's dead letters, newest first, older than the one `cursor` names.

    Raises BrokerUnavailable, StoreUnavailable.
    """
    first, last = await history.bounds(client, subjects.DEAD_LETTERS)
    high = last if cursor is None else min(last, _sequence(cursor, InvalidRequest(_no_cursor())) - 1)
    found: list[DeadLetterRecord] = []
    while high >= first and len(found) <= limit:
        low = max(first, high - limit)
        found += reversed(await _shown(store, await _between(client, low, high)))
        high = low - 1
    shown = [_item(record) for record in found[:limit]]
    return DeadLetterPage(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)


async def written_since(client: Client, moment: datetime) -> int:
    """How many dead letters were written from a moment on. Raises BrokerUnavailable."""
    first = await history.first_since(client, subjects.DEAD_LETTERS, EVERYTHING, moment)
    if first is None:
        return 0
    _, last = await history.bounds(client, subjects.DEAD_LETTERS)
    return last - first.sequence + 1


async def find_record(client: Client, store: OwnedStore, letter_id: str) -> DeadLetterRecord:
    """The owner's dead letter at a sequence.

    Raises NotFound, also for another's; BrokerUnavailable, StoreUnavailable.
    """
    unknown = NotFound("dead letter", letter_id)
    sequence = _sequence(letter_id, unknown)
    for record in await _shown(store, await _between(client, sequence, sequence)):
        return record
    raise unknown


async def _shown(store: OwnedStore, found: Sequence[StoredMessage]) -> list[DeadLetterRecord]:
    """Those that belong to whom their runs belong to.

    A run that is not in the store hides nothing that was played; what was said in a chat it may have forgotten.
    """
    records = [_record(stored) for stored in found]
    runs = {record.run_id for record in records if record.run_id}
    standing = await store.runs.standing(sorted(runs)) if runs else {}
    return [record for record in records if standing.get(record.run_id or "", record.is_played)]


def view(record: DeadLetterRecord) -> DeadLetterView:
    """The dead letter whole."""
    shown = _item(record).model_dump()
    return DeadLetterView.model_validate(
        shown | {"subject": record.stored.subject, "payload": _payload(record.stored)},
    )


def _sequence(text: str, wrong: InvalidRequest | NotFound) -> int:
    """The sequence a text names, from 1. Raises `wrong` where it names none."""
    if not SEQUENCE.fullmatch(text):
        raise wrong
    return int(text)


def _no_cursor() -> FieldProblem:
    return FieldProblem("cursor", "is no cursor of this list: send nextCursor as it was")


async def _between(client: Client, low: int, high: int) -> list[StoredMessage]:
    stream = history.read(client, subjects.DEAD_LETTERS, EVERYTHING, from_sequence=low, up_to_sequence=high)
    return [stored async for stored in stream]


def _record(stored: StoredMessage) -> DeadLetterRecord:
    contract = CONTRACTS.get(stored.subject)
    try:
        return DeadLetterRecord(stored, None if contract is None else contract.model_validate_json(stored.data))
    except ValidationError:
        # One of a newer or older version: it is shown as it stands.
        return DeadLetterRecord(stored, None)


def _item(record: DeadLetterRecord) -> DeadLetterItem:
    at, work = datetime.fromisoformat(record.stored.headers["Nats-Time-Stamp"]), record.work
    if isinstance(work, DeadLetter):
        job = work.job
        return DeadLetterItem(
            id=record.id,
            kind="generation",
            at=at,
            error=work.failure,
            run_id=work.run_id,
            conversation_id=job.conversation_id,
            seq=job.seq,
            purpose=job.purpose,
            key=work.key,
        )
    if isinstance(work, LookGivenUp | ReportGivenUp):
        return DeadLetterItem(
            id=record.id,
            kind="look" if isinstance(work, LookGivenUp) else "report",
            at=at,
            error=work.failure,
            run_id=work.run_id,
            conversation_id=work.conversation_id,
        )
    reason = str(_payload(record.stored).get("reason") or "a message could not be read, and was taken off its queue")
    return DeadLetterItem(id=record.id, kind="terminated", at=at, error=Failure(code="terminated", message=reason))


def _payload(stored: StoredMessage) -> dict[str, Any]:
    try:
        payload = orjson.loads(stored.data)
    except orjson.JSONDecodeError:
        payload = None
    return payload if isinstance(payload, dict) else {"text": stored.data.decode(errors="replace")}
