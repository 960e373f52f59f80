"""Dead letters as they stand on their stream: read by direct get, newest first, without a consumer."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client
from pydantic import ValidationError

from gateway.errors import FieldProblem, InvalidRequest, NotFound
from gateway.schemas.dead_letters import DeadLetterItem, DeadLetterPage, DeadLetterView
from shared.contracts.transcript import Failure
from shared.contracts.work import DeadLetter, ReportGivenUp
from shared.errors import BrokerUnavailable
from shared.messaging import history, subjects
from shared.messaging.connection import Connection
from shared.messaging.history import StoredMessage

SEQUENCE: Final = re.compile(r"[1-9][0-9]{0,14}")
EVERYTHING = ">"
CONTRACTS: dict[str, type[DeadLetter | ReportGivenUp]] = {
    DeadLetter.subject: DeadLetter,
    ReportGivenUp.subject: ReportGivenUp,
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter; `work` is what was given up, None for what the broker itself tells of a message nobody could read."""

    stored: StoredMessage
    work: DeadLetter | ReportGivenUp | None

    @property
    def id(self) -> str:
        return str(self.stored.sequence)


def client_of(connection: Connection) -> Client:
    """The connection to the broker. Raises BrokerUnavailable where there is none."""
    if not connection.connected:
        raise BrokerUnavailable("a look at dead letters", ConnectionError("not connected"))
    return connection.client


async def page(client: Client, cursor: str | None, limit: int) -> DeadLetterPage:
    """At most `limit` letters, newest first, older than the one `cursor` names. Raises BrokerUnavailable."""
    first, last = await history.bounds(client, subjects.DEAD_LETTERS)
    high = last if cursor is None else min(last, _sequence(cursor, InvalidRequest(_no_cursor())) - 1)
    found: list[StoredMessage] = []
    while high >= first and len(found) <= limit:
        low = max(first, high - limit)
        found += reversed(await _between(client, low, high))
        high = low - 1
    shown = [_item(_letter(stored)) for stored in found[:limit]]
    return DeadLetterPage(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)


async def find_letter(client: Client, letter_id: str) -> Letter:
    """The letter at a sequence. Raises NotFound, BrokerUnavailable."""
    unknown = NotFound("dead letter", letter_id)
    sequence = _sequence(letter_id, unknown)
    for stored in await _between(client, sequence, sequence):
        return _letter(stored)
    raise unknown


def view(letter: Letter) -> DeadLetterView:
    """The letter whole."""
    shown = _item(letter).model_dump()
    return DeadLetterView.model_validate(
        shown | {"subject": letter.stored.subject, "payload": _payload(letter.stored)},
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


def _letter(stored: StoredMessage) -> Letter:
    contract = CONTRACTS.get(stored.subject)
    try:
        return Letter(stored, None if contract is None else contract.model_validate_json(stored.data))
    except ValidationError:
        # A letter of a newer or older version: it is shown as it stands.
        return Letter(stored, None)


def _item(letter: Letter) -> DeadLetterItem:
    at, work = datetime.fromisoformat(letter.stored.headers["Nats-Time-Stamp"]), letter.work
    if isinstance(work, DeadLetter):
        job = work.job
        return DeadLetterItem(
            id=letter.id,
            kind="generation",
            at=at,
            error=work.failure,
            run_id=work.run_id,
            conversation_id=job.conversation_id,
            seq=job.seq,
            purpose=job.purpose,
            key=work.key,
        )
    if isinstance(work, ReportGivenUp):
        return DeadLetterItem(id=letter.id, kind="report", at=at, error=work.failure, run_id=work.run_id)
    reason = str(_payload(letter.stored).get("reason") or "a message could not be read, and was taken off its queue")
    return DeadLetterItem(id=letter.id, kind="terminated", at=at, error=Failure(code="terminated", message=reason))


def _payload(stored: StoredMessage) -> dict[str, Any]:
    try:
        payload = orjson.loads(stored.data)
    except orjson.JSONDecodeError:
        payload = None
    return payload if isinstance(payload, dict) else {"text": stored.data.decode(errors="replace")}
