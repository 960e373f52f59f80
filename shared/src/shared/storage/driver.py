"""The driver's types and errors, mapped once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from shared.contracts.record import Record
from shared.errors import StoreUnavailable, Taken

Document = dict[str, Any]
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
Collection = AsyncIOMotorCollection[Document]

DUPLICATE_KEY = 11000


@contextmanager
def mapped_errors(key: str = "") -> Iterator[None]:
    """A taken key is `Taken`, everything else of the driver `StoreUnavailable`."""
    try:
        yield
    except DuplicateKeyError as error:
        raise Taken(key or str(error.details)) from error
    except PyMongoError as error:
        raise StoreUnavailable(error) from error


def to_document(record: Record) -> Document:
    """The record as a document: snake_case names, `id` as `_id`."""
    document = record.model_dump()
    if "id" in document:
        document["_id"] = document.pop("id")
    return document


def with_id(document: Document) -> Document:
    """The document as a record's fields."""
    document["id"] = document.pop("_id")
    return document


async def insert_unordered(collection: Collection, documents: list[Document]) -> set[int]:
    """Inserts documents in one write; returns the positions of those whose key was taken. Raises StoreUnavailable."""
    if len(documents) == 1:
        return set() if await _inserted(collection, documents[0]) else {0}
    with mapped_errors():
        try:
            await collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            if error.details.get("writeConcernErrors") or any(one["code"] != DUPLICATE_KEY for one in failed):
                raise
            return {one["index"] for one in failed}
    return set()


async def _inserted(collection: Collection, document: Document) -> bool:
    """One alone costs half of what a list of one does."""
    try:
        with mapped_errors():
            await collection.insert_one(document)
    except Taken:
        return False
    return True


async def insert_ordered(collection: Collection, documents: list[Document]) -> int:
    """Inserts documents one after the other in one write, up to the first whose key is taken; returns how many."""
    with mapped_errors():
        try:
            await collection.insert_many(documents, ordered=True)
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            if error.details.get("writeConcernErrors") or any(one["code"] != DUPLICATE_KEY for one in failed):
                raise
            return int(failed[0]["index"])
    return len(documents)
