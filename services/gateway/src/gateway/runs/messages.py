"""The messages of a conversation: after a seq or a time, waited for, or page by page."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.answers import MessagePage, MessagesView
from shared.contracts.enums import Purpose, Side, Stage
from shared.contracts.judgement import Judgement
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, MessageView, message_view
from shared.storage.owned import OwnedStore
from shared.storage.paging import PAGE_BYTES

# Later ones outrank earlier ones: a strong judge confirms a fast one, a repair mends its own stage.
STAGES = tuple(Stage)
LARGEST_SEQ = 2**31

_MOMENT: TypeAdapter[datetime] = TypeAdapter(datetime)


class RunChanges(Protocol):
    """What tells that a run has moved, or may have: it returns within a second in any case."""

    @property
    def stopping(self) -> asyncio.Event: ...

    async def wait_for_change(self, run_id: str, seconds: float) -> bool: ...


def read_since(since: str) -> int | datetime:
    """What `since` names: a seq, or an ISO time (UTC where it says no zone). Raises InvalidRequest."""
    if since.isdecimal() and since.isascii():
        return min(int(since[:12]), LARGEST_SEQ)
    try:
        # An unescaped plus sign of a zone arrives as a space.
        moment = _MOMENT.validate_python(since.strip().replace(" ", "+") if "T" in since else since)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValidationError, OverflowError) as error:
        # In UTC, a time at the edge of the calendar may lie beyond it.
        raise InvalidRequest(FieldProblem("since", "must be a seq or an ISO 8601 time")) from error


async def messages_after(
    store: OwnedStore, run: Run, conversation: str, since: int | datetime, limit: int
) -> MessagesView:
    """At most `limit` messages after a point, and where to go on."""
    if isinstance(since, int):
        found = await store.entries(run).after(conversation, since, limit)
    else:
        found = await store.entries(run).since(conversation, since, limit)
    where = since if isinstance(since, int) else since.isoformat()
    return MessagesView(
        messages=await _views(store, run, conversation, found),
        next_since=found[-1].seq if found else where,
        has_more=found.more,
    )


async def messages_page(store: OwnedStore, run: Run, conversation: str, page: int, limit: int) -> MessagePage:
    """Page `page` (1, 2, 3 ...) of `limit` messages. Raises InvalidRequest where so many are too large for a page."""
    found, total = await store.entries(run).page(conversation, (page - 1) * limit, limit)
    if found.more and len(found) < limit:
        told = f"is too many for messages of this size: a page holds {PAGE_BYTES} bytes. Ask for fewer, or from a point"
        raise InvalidRequest(FieldProblem("limit", told, len(found)))
    return MessagePage(items=await _views(store, run, conversation, found), page=page, limit=limit, total=total)


async def wait_for_messages(
    request: Request,
    store: OwnedStore,
    changes: RunChanges,
    run: Run,
    conversation: str,
    since: int | datetime,
    limit: int,
    seconds: float,
) -> MessagesView:
    """As `messages_after`, but while there is none and one may come it waits, at most `seconds`."""
    until = time.monotonic() + seconds
    while True:
        view = await messages_after(store, run, conversation, since, limit)
        left = until - time.monotonic()
        if view.messages or left <= 0 or changes.stopping.is_set():
            return view
        if await _ended(store, run, conversation) or await request.is_disconnected():
            return view
        await changes.wait_for_change(run.id, left)


async def _ended(store: OwnedStore, run: Run, conversation: str) -> bool:
    stored = await store.conversations(run).get(conversation)
    if stored is not None and stored.ended_at is not None:
        return True
    standing = await store.runs.get(run.id)
    return standing is None or standing.terminal or standing.is_forgotten(now())


async def _views(store: OwnedStore, run: Run, conversation: str, entries: Sequence[Entry]) -> list[MessageView]:
    judged = any(entry.side is Side.AGENT for entry in entries)
    judgements = await _judgements(store, run, conversation) if judged else {}
    return [message_view(entry, judgements.get(entry.seq)) for entry in entries]


async def _judgements(store: OwnedStore, run: Run, conversation: str) -> dict[int, Judgement]:
    """The judgement that counts for each message judged: the latest pass, and in it the last stage."""
    found: dict[int, Judgement] = {}
    made = [one for one in await store.generations(run).of_conversation(conversation) if one.purpose is Purpose.JUDGE]
    for one in sorted(made, key=lambda one: (one.pass_number, STAGES.index(Stage(one.stage or Stage.FAST)))):
        if one.judgement is not None:
            found[one.seq] = one.judgement
    return found
