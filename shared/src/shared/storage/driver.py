"""The driver's types and errors, mapped once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import bson
from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pydantic_core import PydanticSerializationError
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError

from shared.contracts.bounds import LARGEST_DOCUMENT_BYTES
from shared.contracts.model import Contract
from shared.errors import NotStorable, StoreUnavailable, Taken

Document = dict[str, Any]
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
Collection = AsyncIOMotorCollection[Document]

DUPLICATE_KEY = 11000
NEVER_STORED: Final = {
    2: "larger than the store takes",
    15: "nested more deeply than the store takes",
    22: "malformed",
    10334: "larger than the store takes",
    17419: "larger than the store takes",
    17420: "larger than the store takes",
}
"""What the server says of a value it will never hold (BadValue of a write, Overflow, InvalidBSON, too large)."""


@contextmanager
def mapped_errors(key: str = "") -> Iterator[None]:
    """A taken key is `Taken`, a value the store can never hold `NotStorable`, all else `StoreUnavailable`."""
    try:
        yield
    except DuplicateKeyError as error:
        raise Taken(key or str(error.details)) from error
    except (BSONError, OverflowError, UnicodeEncodeError, RecursionError) as error:
        # pymongo's DocumentTooLarge is one of bson's.
        raise NotStorable(_problem(error), LARGEST_DOCUMENT_BYTES) from error
    except BulkWriteError as error:
        # Its own words hold the documents.
        codes = {one["code"] for one in error.details.get("writeErrors", ())}
        _raise_not_storable(codes, error)
        raise StoreUnavailable(error, f"writes failed with {sorted(codes)}") from error
    except OperationFailure as error:
        _raise_not_storable({error.code}, error)
        raise StoreUnavailable(error, f"{(error.details or {}).get('codeName', 'code')} {error.code}") from error
    except PyMongoError as error:
        raise StoreUnavailable(error) from error


def _raise_not_storable(codes: set[int | None], error: OperationFailure) -> None:
    for code in codes & NEVER_STORED.keys():
        raise NotStorable(f"a value {NEVER_STORED[code or 0]}", LARGEST_DOCUMENT_BYTES) from error


def _problem(error: Exception) -> str:
    """Why the driver cannot write a value; its own words may hold it."""
    if isinstance(error, OverflowError):
        return "a number of more than 64 bits"
    if isinstance(error, UnicodeEncodeError):
        return "a text with half a character (a lone surrogate)"
    if isinstance(error, RecursionError):
        return "a value nested without an end"
    return "a value too large, or of a kind the store does not know"


def document_bytes(value: Contract | Mapping[str, Any]) -> int:
    """What a value takes in the store. Raises NotStorable where the store can never hold it, whatever its size."""
    with mapped_errors():
        return len(bson.encode(to_document(value) if isinstance(value, Contract) else value))


def check_size(what: str, document: Document) -> None:
    """Raises NotStorable for a document that is more than one value may take."""
    size = document_bytes(document)
    if size > LARGEST_DOCUMENT_BYTES:
        raise NotStorable(f"{what} of {size} bytes", LARGEST_DOCUMENT_BYTES)


def to_document(record: Contract) -> Document:
    """The record as a document: snake_case names, `id` as `_id`. Raises NotStorable where it is nested too deeply."""
    try:
        document = record.model_dump()
    except (PydanticSerializationError, RecursionError) as error:
        raise NotStorable("a value nested without an end") from error
    if "id" in document:
        document["_id"] = document.pop("id")
    return document


def with_id(document: Document) -> Document:
    """The document as a record's fields."""
    document["id"] = document.pop("_id")
    return document


async def insert_unordered(collection: Collection, documents: list[Document]) -> dict[int, Taken | NotStorable]:
    """Inserts documents in one write; says why those were not stored that were not, by position.

    Raises StoreUnavailable; NotStorable where the driver can write none because of one.
    """
    if len(documents) == 1:
        return await _insert_one(collection, documents[0])
    with mapped_errors():
        try:
            await collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            refused = {one["index"]: _refusal(one["code"]) for one in error.details["writeErrors"]}
            if error.details.get("writeConcernErrors") or None in refused.values():
                raise
            return {position: why for position, why in refused.items() if why is not None}
    return {}


def outcomes(keys: Sequence[str], refused: Mapping[int, Taken | NotStorable]) -> list[BaseException | None]:
    """What each submitter of a shared insert gets: nothing, or why its document was not stored."""
    return [Taken(key) if isinstance(why := refused.get(position), Taken) else why for position, key in enumerate(keys)]


async def _insert_one(collection: Collection, document: Document) -> dict[int, Taken | NotStorable]:
    """One alone costs half of what a list of one does."""
    try:
        with mapped_errors():
            await collection.insert_one(document)
    except (Taken, NotStorable) as refused:
        return {0: refused}
    return {}


def _refusal(code: int) -> Taken | NotStorable | None:
    if code == DUPLICATE_KEY:
        return Taken("a key")
    return NotStorable(f"a value {NEVER_STORED[code]}", LARGEST_DOCUMENT_BYTES) if code in NEVER_STORED else None


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
