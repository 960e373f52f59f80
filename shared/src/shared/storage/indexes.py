"""Every index, in one table; made by the topology bootstrap, checked by readiness."""

from dataclasses import dataclass, field
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from shared.storage.driver import Database, mapped_errors


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


def _present(name: str) -> dict[str, Any]:
    return {"unique": True, "partialFilterExpression": {name: {"$type": "string"}}}


UP, DOWN = ASCENDING, DESCENDING

INDEXES: tuple[Index, ...] = (
    Index("runs", "tenant_client_id", (("tenant", UP), ("client_id", UP)), _present("client_id")),
    Index(
        "runs",
        "tenant_idempotency_key",
        (("tenant", UP), ("idempotency_key", UP)),
        _present("idempotency_key"),
    ),
    Index("runs", "tenant_newest", (("tenant", UP), ("_id", DOWN))),
    Index("runs", "tenant_kind_newest", (("tenant", UP), ("kind", UP), ("_id", DOWN))),
    Index(
        "runs",
        "unfinished_by_deadline",
        (("deadline_at", UP),),
        {"partialFilterExpression": {"ended_at": None}},
    ),
    Index(
        "runs",
        "chats_by_asked",
        (("kind", UP), ("asked_at", UP)),
        {"partialFilterExpression": {"asked_at": {"$type": "date"}}},
    ),
    Index(
        "runs",
        "canceled_chats",
        (("kind", UP), ("control.wanted", UP), ("control.changed_at", UP)),
        {"partialFilterExpression": {"kind": "chat", "control.wanted": "cancel"}},
    ),
    Index(
        "runs",
        "by_expiry",
        (("expires_at", UP),),
        {"partialFilterExpression": {"expires_at": {"$type": "date"}}},
    ),
    Index("conversations", "run_index", (("run_id", UP), ("index", UP))),
    Index("entries", "conversation_seq", (("conversation_id", UP), ("seq", UP)), {"unique": True}),
    Index(
        "entries",
        "conversation_client_message",
        (("conversation_id", UP), ("client_message_id", UP)),
        _present("client_message_id"),
    ),
    Index("generations", "conversation", (("conversation_id", UP),)),
    Index("generations", "run", (("run_id", UP),)),
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


async def make_indexes(database: Database) -> None:
    """Makes every index that is missing; idempotent. Raises StoreUnavailable."""
    with mapped_errors():
        for index in INDEXES:
            model = IndexModel(list(index.keys), name=index.name, **index.options)
            await database[index.collection].create_indexes([model])


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
