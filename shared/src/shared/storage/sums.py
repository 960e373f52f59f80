"""Sums of usage, made by the store: what a run cost is asked of thousands of documents."""

from typing import Any, Final

from shared.contracts.transcript import Usage
from shared.storage.driver import Collection, Document, mapped_errors

OF_ALL: Final[Document] = {"_id": None} | {name: {"$sum": f"$usage.{name}"} for name in Usage.model_fields}


async def usage_of(collection: Collection, query: Document) -> Usage:
    """The usage of all that a query finds, added up. Raises StoreUnavailable."""
    with mapped_errors():
        found: list[dict[str, Any]] = await collection.aggregate([{"$match": query}, {"$group": OF_ALL}]).to_list(None)
    return Usage.model_validate(found[0]) if found else Usage()


async def attempts_in(collection: Collection, query: Document) -> set[str]:
    """The attempts whose results a query finds. Raises StoreUnavailable."""
    with mapped_errors():
        found = await collection.find(query, {"attempt": 1}).to_list(None)
    return {document["attempt"] for document in found}
