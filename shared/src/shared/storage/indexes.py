"""Every index, in one table; made by the topology bootstrap, checked by readiness.

A partial index serves a query only where the server sees from the query alone that all it asks for is in the index:
`$gt` a moment is seen to be within `$gt` an earlier one, but nothing is seen to be within `$type` without saying the
same `$type` again. So ranges are indexed by `ANY_MOMENT`, which every query for a range says, too.

An index that changes is made again under its name. A unique one never changes: what takes its place has a name of
its own, and the old one goes into `SUPERSEDED`, which are dropped when the others stand: nothing is ever unprotected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from bson import encode
from pymongo import ASCENDING, DESCENDING, IndexModel

from shared.contracts.enums import RunKind, Wanted
from shared.contracts.kinds import ANSWERED, PLAYED
from shared.errors import PermanentError
from shared.storage.driver import Collection, Database, mapped_errors

ANY_MOMENT: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before all moments that are stored: `{"$gt": ANY_MOMENT}` is every document that has one."""


@dataclass(frozen=True, slots=True)
class Index:
    """One index: its collection, name, keys and options."""

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def unique(self) -> bool:
        return bool(self.options.get("unique"))


class UniqueIndexChanged(PermanentError):
    """A unique index stands differently from the table: while it was made again, nothing would be unique."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} stands differently: give its successor a name of its own, and list it as superseded")


def _present(name: str, **beside: Any) -> dict[str, Any]:
    return {"unique": True, "partialFilterExpression": {name: {"$type": "string"}} | beside}


OPTIONS = ("unique", "partialFilterExpression", "expireAfterSeconds")
UP, DOWN = ASCENDING, DESCENDING

INDEXES: tuple[Index, ...] = (
    Index(
        "runs",
        "played_client_id",
        (("tenant", UP), ("client_id", UP)),
        _present("client_id", kind={"$in": [kind.value for kind in PLAYED]}),
    ),
    Index(
        "runs",
        "chat_client_id",
        (("tenant", UP), ("user", UP), ("client_id", UP)),
        _present("client_id", kind=RunKind.CHAT.value),
    ),
    Index(
        "runs",
        "owner_idempotency_key",
        (("tenant", UP), ("user", UP), ("idempotency_key", UP)),
        _present("idempotency_key"),
    ),
    Index("runs", "tenant_kind_newest", (("tenant", UP), ("kind", UP), ("_id", DOWN))),
    Index(
        "runs",
        "owner_kind_newest",
        (("tenant", UP), ("user", UP), ("kind", UP), ("_id", DOWN)),
        {"partialFilterExpression": {"kind": {"$in": [kind.value for kind in ANSWERED]}}},
    ),
    Index(
        "runs",
        "unfinished_by_deadline",
        (("kind", UP), ("deadline_at", UP)),
        {"partialFilterExpression": {"ended_at": None}},
    ),
    Index(
        "runs",
        "chats_by_asked",
        (("kind", UP), ("asked_at", UP)),
        {"partialFilterExpression": {"asked_at": {"$gt": ANY_MOMENT}}},
    ),
    Index(
        "runs",
        "canceled_chats",
        (("kind", UP), ("control.wanted", UP), ("control.changed_at", UP)),
        {"partialFilterExpression": {"kind": RunKind.CHAT.value, "control.wanted": Wanted.CANCEL.value}},
    ),
    Index(
        "runs",
        "by_expiry",
        (("expires_at", UP),),
        {"partialFilterExpression": {"expires_at": {"$gt": ANY_MOMENT}}},
    ),
    Index("conversations", "run_index", (("run_id", UP), ("index", UP))),
    Index("entries", "conversation_seq", (("conversation_id", UP), ("seq", UP)), {"unique": True}),
    Index(
        "entries",
        "conversation_client_message",
        (("conversation_id", UP), ("client_message_id", UP)),
        _present("client_message_id"),
    ),
    *(
        Index(collection, "tenant_newest", (("tenant", UP), ("created_at", DOWN)))
        for collection in ("entries", "generations", "usage")
    ),
    Index("generations", "conversation", (("conversation_id", UP),)),
    Index("generations", "run", (("run_id", UP), ("purpose", UP))),
    Index("usage", "conversation", (("conversation_id", UP),)),
    Index("usage", "run", (("run_id", UP),)),
    Index("usage", "generation", (("generation", UP),)),
    Index("agents", "tenant_newest", (("tenant", UP), ("archived", UP), ("_id", DOWN))),
    Index("agent_versions", "tenant_agent", (("tenant", UP), ("agent_id", UP), ("version", DOWN))),
    Index("templates", "tenant_newest", (("tenant", UP), ("archived", UP), ("_id", DOWN))),
    Index("template_versions", "tenant_template", (("tenant", UP), ("template_id", UP), ("version", DOWN))),
    Index("sessions", "forgotten", (("expires_at", UP),), {"expireAfterSeconds": 0}),
    Index("quotas", "forgotten", (("expires_at", UP),), {"expireAfterSeconds": 0}),
    Index("stream_leases", "owner", (("tenant", UP), ("user", UP))),
    Index("stream_leases", "holder", (("holder", UP),)),
    Index("stream_leases", "forgotten", (("expires_at", UP),), {"expireAfterSeconds": 0}),
)


SUPERSEDED: tuple[tuple[str, str], ...] = (
    # Client ids and idempotency keys were a tenant's; since they are a user's, two users may have the same.
    ("runs", "tenant_client_id"),
    ("runs", "tenant_idempotency_key"),
    ("runs", "tenant_newest"),
)
"""Collection and name of indexes of former versions."""


async def make_indexes(database: Database, *, change: bool = True) -> list[str]:
    """Makes every index that is missing; returns what it made, changed or dropped, in words. Idempotent.

    Without `change` what stands is left as it is. Raises StoreUnavailable, UniqueIndexChanged.
    """
    done = []
    with mapped_errors():
        for name in sorted({index.collection for index in INDEXES}):
            collection = database[name]
            present = await collection.index_information()
            done += await _make(collection, present, change)
            if change:
                done += await _drop_superseded(collection, present)
    return done


async def _make(collection: Collection, present: Mapping[str, Any], change: bool) -> list[str]:
    done = []
    for index in INDEXES:
        standing = present.get(index.name)
        if index.collection != collection.name or (standing and (not change or _stands(index, standing))):
            continue
        if standing and index.unique:
            raise UniqueIndexChanged(f"{index.collection}.{index.name}")
        if standing:
            await collection.drop_index(index.name)
        await collection.create_indexes([IndexModel(list(index.keys), name=index.name, **index.options)])
        done.append(f"{'changed' if standing else 'made'} index {index.collection}.{index.name}")
    return done


async def _drop_superseded(collection: Collection, present: Mapping[str, Any]) -> list[str]:
    former = [name for of, name in SUPERSEDED if of == collection.name and name in present]
    for name in former:
        await collection.drop_index(name)
    return [f"dropped index {collection.name}.{name}" for name in former]


def _stands(index: Index, standing: Mapping[str, Any]) -> bool:
    """Whether what stands under an index's name is that index."""
    options = {name: standing[name] for name in sorted(OPTIONS) if name in standing}
    # As the server has them: what it gives back has no time zone.
    return tuple(standing["key"]) == index.keys and encode(options) == encode(dict(sorted(index.options.items())))


async def missing_indexes(database: Database) -> list[str]:
    """`collection.index` of every unique index that does not exist. Raises StoreUnavailable."""
    missing = []
    with mapped_errors():
        for collection in sorted({index.collection for index in INDEXES if index.unique}):
            present = await database[collection].index_information()
            missing += [
                f"{collection}.{index.name}"
                for index in INDEXES
                if index.collection == collection and index.unique and index.name not in present
            ]
    return missing
