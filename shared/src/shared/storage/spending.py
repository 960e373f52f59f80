"""What calls cost in a time, summed by the store: entries, generations and usage rows, each attempt once."""

from datetime import datetime
from typing import Any, Final

from shared.contracts.enums import EntryKind, SpendingKey
from shared.contracts.owner import Owner
from shared.contracts.spending import Spending, SpendingGroup
from shared.contracts.transcript import Usage
from shared.storage.driver import Collection, Document, mapped_errors
from shared.storage.scope import scope_of_rows, scope_of_runs

LARGEST_LIST = 1000
"""Groups that are told; the totals hold all."""
_SUMS: Final[Document] = {name: {"$sum": f"$usage.{name}"} for name in Usage.model_fields} | {
    "calls": {"$sum": 1},
    "estimated_calls": {"$sum": {"$cond": ["$estimated", 1, 0]}},
}
_RAISED: Final[Document] = {name: {"$sum": f"${name}"} for name in _SUMS}
_KEYS: Final[dict[SpendingKey, Any]] = {
    SpendingKey.DAY: {"$dateToString": {"format": "%Y-%m-%d", "date": "$created_at"}},
    SpendingKey.MODEL: {"$concat": [{"$ifNull": ["$provider", "?"]}, "/", {"$ifNull": ["$model", "?"]}]},
    SpendingKey.RUN: "$run_id",
    SpendingKey.USER: None,
}
_COUNTED_IN_A_GENERATION: Final[list[Document]] = [
    {
        "$lookup": {
            "from": "generations",
            "localField": "generation",
            "foreignField": "_id",
            "pipeline": [{"$project": {"attempt": 1}}],
            "as": "generations",
        }
    },
    {"$match": {"$expr": {"$not": [{"$in": ["$_id", "$generations.attempt"]}]}}},
]
_COUNTED_IN_AN_ENTRY: Final[list[Document]] = [
    {
        "$lookup": {
            "from": "entries",
            "localField": "conversation_id",
            "foreignField": "conversation_id",
            "let": {"attempt": "$_id"},
            "pipeline": [{"$match": {"$expr": {"$eq": ["$attempt", "$$attempt"]}}}, {"$project": {"_id": 1}}],
            "as": "entries",
        }
    },
    {"$match": {"entries": []}},
]


class SpendingSums:
    """What an owner's calls cost. Which user may see a run is said by the run, so each sum is made by run first."""

    def __init__(self, entries: Collection) -> None:
        self._entries = entries

    async def of(self, owner: Owner, start: datetime, end: datetime, by: SpendingKey) -> Spending:
        """Calls whose results came from `start` until before `end`. Raises StoreUnavailable."""
        pipeline = [*_calls(owner, start, end), *_by_run(owner, by), *_grouped(by)]
        with mapped_errors():
            found: list[Document] = await self._entries.aggregate(pipeline, allowDiskUse=True).to_list(1)
        groups = [_group(document) for document in found[0]["groups"]]
        totals = [_group(document) for document in found[0]["total"]]
        return Spending(
            groups=tuple(groups[:LARGEST_LIST]),
            total=totals[0] if totals else SpendingGroup(),
            more=len(groups) > LARGEST_LIST,
        )


def _calls(owner: Owner, start: datetime, end: datetime) -> list[Document]:
    """Every call that took something: the results, and the attempts that stand in none."""
    taken = [{"usage.prompt_tokens": {"$gt": 0}}, {"usage.cost_nanos": {"$gt": 0}}]
    within = {**scope_of_rows(owner), "created_at": {"$gte": start, "$lt": end}, "$or": taken}
    rows = [{"$match": within}, *_COUNTED_IN_A_GENERATION, *_COUNTED_IN_AN_ENTRY]
    return [
        {"$match": within | {"kind": EntryKind.MESSAGE.value}},
        {"$unionWith": {"coll": "generations", "pipeline": [{"$match": within}]}},
        {"$unionWith": {"coll": "usage", "pipeline": rows}},
    ]


def _by_run(owner: Owner, by: SpendingKey) -> list[Document]:
    """Sums by run and key, of runs that the owner may see."""
    visible = [{"$match": dict(scope_of_runs(owner))}, {"$project": {"user": 1}}]
    run = {"from": "runs", "localField": "_id.run", "foreignField": "_id", "pipeline": visible, "as": "run"}
    return [{"$group": {"_id": {"run": "$run_id", "key": _KEYS[by]}} | _SUMS}, {"$lookup": run}, {"$unwind": "$run"}]


def _grouped(by: SpendingKey) -> list[Document]:
    """The groups, days in their order and all else by cost, and the sum of all."""
    key = "$run.user" if by is SpendingKey.USER else "$_id.key"
    order = {"_id": 1} if by is SpendingKey.DAY else {"cost_nanos": -1, "_id": 1}
    listed = [{"$sort": order}, {"$limit": LARGEST_LIST + 1}]
    total = [{"$group": {"_id": None} | _RAISED}]
    return [{"$group": {"_id": key} | _RAISED}, {"$facet": {"groups": listed, "total": total}}]


def _group(document: Document) -> SpendingGroup:
    usage = Usage.model_validate({name: document[name] for name in Usage.model_fields})
    calls = {name: document[name] for name in ("calls", "estimated_calls")}
    return SpendingGroup(key=document["_id"] or "", usage=usage, **calls)
