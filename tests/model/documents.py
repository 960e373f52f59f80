"""MongoDB in memory: as much of it as the real repositories ask for, each call one outside effect of its process.

The repositories, their queries, pipelines and batches are the product's own; what is replaced is the driver. A
contract test (tests/integration/model/test_model_store.py) runs the same random operations here and on a real mongod.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import bson
from bson.codec_options import CodecOptions
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from model.expressions import MISSING, Document, drop, evaluate, get, order, put
from model.loops import Process
from shared.storage.breakers import Breakers
from shared.storage.conversations import Conversations
from shared.storage.driver import DUPLICATE_KEY, Collection
from shared.storage.entries import Entries
from shared.storage.generations import Generations, UsageRows
from shared.storage.indexes import INDEXES
from shared.storage.readers import Readers
from shared.storage.reports import Reports
from shared.storage.runs import Runs
from shared.storage.store import Store

_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)
REPOSITORIES = ("runs", "conversations", "entries", "generations", "usage", "readers", "reports", "breakers")


def as_stored(document: Any) -> Document:
    """What a document becomes by being stored: words are texts, tuples lists, times in milliseconds."""
    return bson.decode(bson.encode(document), _CODEC)


@dataclass(frozen=True)
class Written:
    """What an update says."""

    modified_count: int


class Table:
    """The documents of one collection, in the order of their insertion, and its unique keys."""

    def __init__(self, name: str) -> None:
        self.documents: list[Document] = []
        self._unique = [tuple(key for key, _ in one.keys) for one in INDEXES if one.collection == name and one.unique]
        self._made = 0

    def find(self, query: Document) -> list[Document]:
        return [document for document in self.documents if matches(query, document)]

    def insert(self, document: Document) -> None:
        """Raises DuplicateKeyError."""
        stored = as_stored(document)
        self._made += 1
        stored.setdefault("_id", f"made-{self._made}")
        for keys in [("_id",), *self._unique]:
            values = [get(stored, key) for key in keys]
            texts = keys[-1] in ("client_id", "idempotency_key", "client_message_id")
            if texts and not isinstance(values[-1], str):
                continue
            if any([get(other, key) for key in keys] == values for other in self.documents):
                raise DuplicateKeyError(f"duplicate key {values}", DUPLICATE_KEY, {})
        self.documents.append(stored)

    def update(self, query: Document, update: Any, *, upsert: bool = False) -> tuple[Document | None, bool]:
        """Updates the first match; returns it as it is afterwards and whether it changed."""
        found = self.find(query)
        if not found:
            if upsert:
                made = {**query}
                _modify(made, update, inserting=True)
                self.insert(made)
            return None, False
        changed = as_stored(found[0])
        _modify(changed, update)
        after = as_stored(changed)
        differs = after != found[0]
        found[0].clear()
        found[0].update(after)
        return found[0], differs


def _modify(document: Document, update: Any, *, inserting: bool = False) -> None:
    if isinstance(update, list):
        for stage in update:
            _stage(document, stage)
        return
    if not any(name.startswith("$") for name in update):
        kept = document.get("_id")
        document.clear()
        document.update({"_id": kept, **copy.deepcopy(update)})
        return
    for path, value in {**update.get("$set", {}), **(update.get("$setOnInsert", {}) if inserting else {})}.items():
        put(document, path, copy.deepcopy(value))
    for path, value in update.get("$max", {}).items():
        if order(_comparable(get(document, path))) < order(_comparable(value)):
            put(document, path, value)


def _comparable(value: Any) -> Any:
    return as_stored({"value": value})["value"] if isinstance(value, datetime) else value


def _stage(document: Document, stage: Document) -> None:
    """All expressions of a stage see the document as it was before the stage."""
    if "$unset" in stage:
        drop(document, stage["$unset"])
        return
    values = {path: evaluate(expression, document) for path, expression in stage["$set"].items()}
    for path, value in values.items():
        put(document, path, MISSING if value is MISSING else copy.deepcopy(value))


def matches(query: Document, document: Document) -> bool:
    """Whether a document answers a query."""
    return all(_holds(path, wanted, document) for path, wanted in query.items())


def _holds(path: str, wanted: Any, document: Document) -> bool:
    if path == "$or":
        return any(matches(one, document) for one in wanted)
    if path == "$expr":
        return bool(evaluate(wanted, document))
    value = get(document, path)
    if not (isinstance(wanted, dict) and any(name.startswith("$") for name in wanted)):
        return _is(value, wanted)
    return all(_compares(operator, value, operand) for operator, operand in wanted.items())


def _is(value: Any, wanted: Any) -> bool:
    if wanted is None:
        return value is MISSING or value is None
    return bool(value == wanted) or (isinstance(value, list) and wanted in value)


def _compares(operator: str, value: Any, operand: Any) -> bool:
    if operator == "$in":
        return any(_is(value, one) for one in operand)
    if operator == "$nin":
        return not any(_is(value, one) for one in operand)
    if operator == "$ne":
        return not _is(value, operand)
    if value is MISSING or value is None:
        return False
    if operator == "$type":
        return isinstance(value, {"string": str, "date": datetime}[operand])
    return bool({"$gt": value > operand, "$lt": value < operand}[operator])


def _projected(document: Document, projection: Document | None) -> Document:
    if projection and any(projection.values()):
        kept: Document = {"_id": document["_id"]}
        for path in projection:
            value = get(document, path)
            if value is not MISSING:
                put(kept, path, value)
        return as_stored(kept)
    return as_stored({name: value for name, value in document.items() if name not in (projection or {})})


class Cursor:
    """A query under way."""

    def __init__(self, process: Process, name: str, rows: Any) -> None:
        self._process = process
        self._name = name
        self._rows = rows
        self._sort: list[tuple[str, int]] = []
        self._skip = 0
        self._limit = 0

    def sort(self, key: Any, direction: int = 1) -> "Cursor":
        self._sort = [(key, direction)] if isinstance(key, str) else list(key)
        return self

    def skip(self, count: int) -> "Cursor":
        self._skip = count
        return self

    def limit(self, count: int) -> "Cursor":
        self._limit = count
        return self

    async def to_list(self, length: int | None = None) -> list[Document]:
        found: list[Document] = await self._process.outside(self._name, self._read)
        return found

    def _read(self) -> list[Document]:
        rows, projection = self._rows()
        for key, direction in reversed(self._sort):
            rows = sorted(rows, key=lambda row: order(get(row, key)), reverse=direction < 0)
        rows = rows[self._skip : self._skip + self._limit if self._limit else None]
        return [_projected(row, projection) for row in rows]


class MemoryCollection:
    """A collection as the driver shows it."""

    def __init__(self, process: Process, name: str, table: Table) -> None:
        self._process = process
        self._name = name
        self._table = table

    def find(self, query: Document, projection: Document | None = None) -> Cursor:
        return Cursor(self._process, f"find {self._name}", lambda: (self._table.find(query), projection))

    async def find_one(self, query: Document, projection: Document | None = None) -> Document | None:
        def read() -> Document | None:
            found = self._table.find(query)
            return _projected(found[0], projection) if found else None

        return cast(Document | None, await self._process.outside(f"find {self._name}", read))

    async def count_documents(self, query: Document) -> int:
        return int(await self._process.outside(f"count {self._name}", lambda: len(self._table.find(query))))

    async def insert_one(self, document: Document) -> None:
        await self._process.outside(f"insert {self._name}", lambda: self._table.insert(document))

    async def insert_many(self, documents: Iterable[Document], ordered: bool = True) -> None:
        def write() -> None:
            errors = []
            for position, document in enumerate(documents):
                try:
                    self._table.insert(document)
                except DuplicateKeyError:
                    errors.append({"index": position, "code": DUPLICATE_KEY})
                    if ordered:
                        break
            if errors:
                raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})

        await self._process.outside(f"insert {self._name}", write)

    async def update_one(self, query: Document, update: Any, upsert: bool = False) -> Written:
        def write() -> Written:
            return Written(int(self._table.update(query, update, upsert=upsert)[1]))

        return cast(Written, await self._process.outside(f"update {self._name}", write))

    async def replace_one(self, query: Document, document: Document, upsert: bool = False) -> Written:
        return await self.update_one(query, document, upsert)

    async def bulk_write(self, writes: Iterable[UpdateOne], ordered: bool = True) -> None:
        def write() -> None:
            for one in writes:
                self._table.update(dict(one._filter), one._doc, upsert=bool(one._upsert))

        await self._process.outside(f"update {self._name}", write)

    async def find_one_and_update(
        self, query: Document, update: Any, projection: Document | None = None, return_document: bool = False
    ) -> Document | None:
        assert return_document == ReturnDocument.AFTER

        def write() -> Document | None:
            document, _ = self._table.update(query, update)
            return _projected(document, projection) if document is not None else None

        return cast(Document | None, await self._process.outside(f"update {self._name}", write))

    def aggregate(self, pipeline: list[Document]) -> Cursor:
        return Cursor(self._process, f"aggregate {self._name}", lambda: (_grouped(self._table, pipeline), None))


def _grouped(table: Table, pipeline: list[Document]) -> list[Document]:
    """A match, perhaps a sort, and a group with `$max`, `$first` or `$sum`."""
    rows = table.find(pipeline[0]["$match"])
    group = pipeline[-1]["$group"]
    for stage in pipeline[1:-1]:
        for key, direction in reversed(stage["$sort"].items()):
            rows = sorted(rows, key=lambda row: order(get(row, key)), reverse=direction < 0)
    groups: dict[Any, list[Document]] = {}
    for row in rows:
        groups.setdefault(evaluate(group["_id"], row), []).append(row)
    return [_accumulated(key, group, members) for key, members in groups.items()]


def _accumulated(key: Any, group: Document, members: list[Document]) -> Document:
    found = {"_id": key}
    for name, spec in group.items():
        if name != "_id":
            (operator, expression), *_ = spec.items()
            values = [evaluate(expression, member) for member in members]
            found[name] = ACCUMULATED[operator](values)
    return found


ACCUMULATED: dict[str, Callable[[list[Any]], Any]] = {
    "$first": lambda values: values[0],
    "$max": lambda values: max(values, key=order),
    "$sum": lambda values: sum(value for value in values if isinstance(value, int)),
}


class MemoryStore(Store):
    """The product's repositories over collections in memory."""

    def __init__(self, process: Process, tables: dict[str, Table]) -> None:
        self._process = process
        self._tables = tables
        self.make_repositories()

    def collection(self, name: str) -> Collection:
        return cast(Collection, MemoryCollection(self._process, name, self._tables[name]))

    def make_repositories(self) -> None:
        """As the real store makes them."""
        self.runs = Runs(self.collection("runs"))
        self.conversations = Conversations(self.collection("conversations"))
        self.entries = Entries(self.collection("entries"))
        self.generations = Generations(self.collection("generations"))
        self.usage = UsageRows(self.collection("usage"))
        self.readers = Readers(self.collection("readers"))
        self.reports = Reports(self.collection("reports"))
        self.breakers = Breakers(self.collection("breakers"))


def empty_tables() -> dict[str, Table]:
    return {name: Table(name) for name in REPOSITORIES}
