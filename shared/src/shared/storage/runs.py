"""The repository of runs."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from shared.contracts.record import Record
from shared.contracts.runs import Budget, Control, Outcome, Run
from shared.contracts.settings import RunSettings
from shared.contracts.transcript import Usage
from shared.contracts.words import TERMINAL, RunKind, RunStatus, Wanted
from shared.storage.accounts import AccountChange, count_stages, stages
from shared.storage.batching import Batcher
from shared.storage.driver import Collection, Document, mapped_errors, to_document, with_id

LIGHT = {"settings": 0, "slots": 0, "spent": 0}
WHOLE = {"slots": 0, "spent": 0}
INDEXED = {"$type": "string"}
"""Beside a value that only some documents have: without it the server does not see that a partial index serves."""
SETTINGS_KEPT = 500
ACCOUNT_BATCH = 40


class Slots(Record):
    """Which seq a conversation's slots hold; 0 where none."""

    turn: int = 0
    judge: int = 0


class Glance(Record):
    """What a look needs of its run after its account changed."""

    control: Control
    budget: Budget
    status: RunStatus
    due_at: datetime
    slots: Slots = Slots()
    paused_seconds: float = 0.0


class Runs:
    """Runs by id for the engine, by tenant for the gateway. Settings never change, so they are kept in process."""

    def __init__(self, collection: Collection) -> None:
        self._runs = collection
        self._settings: OrderedDict[str, RunSettings] = OrderedDict()
        self._accounts: dict[str, Batcher[AccountChange, Glance | None]] = {}
        self._controls: Batcher[str, Control | None] = Batcher(self._read_controls)
        self._finds: Batcher[tuple[str, str], Run | None] = Batcher(self._find_batch)

    async def insert(self, run: Run) -> None:
        """Stores a new run. Raises Taken where its id, client id or idempotency key is in use."""
        document = to_document(run) | {"slots": {}, "spent": {}}
        if run.settings.report_reserve_nanos:
            document["budget"]["open"] = run.settings.report_reserve_nanos
        with mapped_errors(run.id):
            await self._runs.insert_one(document)

    async def get(self, run_id: str) -> Run | None:
        """The run with its (cached) settings, or None."""
        known = run_id in self._settings
        with mapped_errors():
            document = await self._runs.find_one({"_id": run_id}, LIGHT if known else WHOLE)
        if document is not None and not known:
            self._keep_settings(run_id, RunSettings.model_validate(document["settings"]))
        return await self._with_settings(document) if document else None

    async def find(self, tenant: str, reference: str) -> Run | None:
        """A tenant's run by its id or by the id the client gave it, or None; those who wait share a query."""
        return await self._finds.submit((tenant, reference))

    async def find_by_key(self, tenant: str, idempotency_key: str) -> Run | None:
        """A tenant's run by its idempotency key, or None."""
        return await self._one({"tenant": tenant, "idempotency_key": {"$eq": idempotency_key} | INDEXED})

    async def newest(
        self,
        tenant: str,
        kind: str | None,
        status: Sequence[str],
        before: str | None,
        limit: int,
        user: str | None = None,
    ) -> list[Run]:
        """A tenant's runs, newest first, older than the run id `before` (ids sort by time); of one user where named."""
        query: dict[str, Any] = {"tenant": tenant}
        if user is not None:
            query["user"] = user
        if kind:
            query["kind"] = kind
        if status:
            query["status"] = {"$in": list(status)}
        if before:
            query["_id"] = {"$lt": before}
        with mapped_errors():
            documents = await self._runs.find(query, LIGHT).sort("_id", -1).limit(limit).to_list(limit)
        await self._read_settings([document["_id"] for document in documents])
        return [await self._with_settings(document) for document in documents]

    async def settings(self, run_id: str) -> RunSettings | None:
        """What the run was asked to do, from the process's cache after the first read."""
        kept = self._settings.get(run_id)
        if kept is not None:
            self._settings.move_to_end(run_id)
            return kept
        with mapped_errors():
            document = await self._runs.find_one({"_id": run_id}, {"settings": 1})
        if document is None:
            return None
        return self._keep_settings(run_id, RunSettings.model_validate(document["settings"]))

    async def control(self, run_id: str) -> Control | None:
        """What is wanted of the run now; reads of many runs share a query."""
        return await self._controls.submit(run_id)

    async def account(self, run_id: str, change: AccountChange) -> Glance | None:
        """Applies a look's change to its run's account; changes of one run that wait share an update."""
        batcher = self._accounts.get(run_id)
        if batcher is None:
            batcher = Batcher(self._account_batch(run_id), largest=ACCOUNT_BATCH, parallel=1)
            self._accounts[run_id] = batcher
            if len(self._accounts) > SETTINGS_KEPT:
                self._forget_idle_accounts()
        return await batcher.submit(change)

    async def start(self, run_id: str, at: datetime, deadline_at: datetime, event_sequence: int = 0) -> Run | None:
        """Marks the run as begun, once, and returns it as it is afterwards.

        `event_sequence` is where `run.started` stands on the stream.
        """
        begun = {"started_at": at, "deadline_at": deadline_at, "status": RunStatus.RUNNING.value}
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {"_id": run_id, "started_at": None},
                {"$set": begun, "$max": {"event_sequence": event_sequence, "last_event_at": at}},
                projection=LIGHT,
                return_document=ReturnDocument.AFTER,
            )
        return await self._with_settings(document) if document else await self.get(run_id)

    async def count(self, run_id: str, index: int, failed: bool, outcome: Outcome | None) -> Run | None:
        """Counts an ended conversation, once, and returns the run as it is afterwards."""
        update = count_stages(index, failed)
        if outcome is not None:
            update.append({"$set": {"outcome": outcome.model_dump()}})
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {"_id": run_id, "ended": {"$ne": index}},
                update,
                projection=LIGHT,
                return_document=ReturnDocument.AFTER,
            )
        # No match means that it is counted already, never "stop".
        return await self._with_settings(document) if document else await self.get(run_id)

    async def set_wanted(self, tenant: str, run_id: str, wanted: Wanted, seen_version: int, at: datetime) -> Run | None:
        """Sets what is wanted, if control is still at `seen_version` and no cancel is wanted; None where it is not."""
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {
                    "_id": run_id,
                    "tenant": tenant,
                    "control.version": seen_version,
                    "control.wanted": {"$ne": Wanted.CANCEL.value},
                    "status": {"$nin": [status.value for status in TERMINAL]},
                },
                [
                    {
                        "$set": {
                            "paused_seconds": {"$add": ["$paused_seconds", _pause_over(at)]},
                            "status": {"$cond": [_PAUSED, RunStatus.RUNNING.value, "$status"]},
                            "control.wanted": wanted.value,
                            "control.changed_at": at,
                            "control.version": {"$add": ["$control.version", 1]},
                        }
                    }
                ],
                projection=LIGHT,
                return_document=ReturnDocument.AFTER,
            )
        return await self._with_settings(document) if document else None

    async def ask(self, run_id: str, seq: int, at: datetime, expires_at: datetime) -> Run | None:
        """A person's message stands, or is about to: the sweeper sees to it that it is answered.

        Returns the run as it is afterwards; None where it was deleted, or is to be: that is not kept longer for it.
        """
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {"_id": run_id, "control.wanted": {"$ne": Wanted.CANCEL.value}},
                {"$max": {"asked_seq": seq, "asked_at": at, "expires_at": expires_at}},
                projection=LIGHT,
                return_document=ReturnDocument.AFTER,
            )
        return await self._with_settings(document) if document else None

    async def expire(self, run_id: str, at: datetime) -> None:
        """The run is not to be kept longer than until `at`."""
        with mapped_errors():
            await self._runs.update_one({"_id": run_id}, {"$set": {"expires_at": at}})

    async def stop_answer(self, run_id: str, seq: int) -> None:
        """The answer at `seq`, and any below it, is to end with what it has."""
        with mapped_errors():
            await self._runs.update_one({"_id": run_id}, {"$max": {"control.stop_seq": seq}})

    async def unanswered(self, asked_after: datetime, asked_before: datetime, limit: int) -> list[Run]:
        """Chats that have not ended whose person's last message, sent between two moments, has no answer."""
        query = {
            "kind": RunKind.CHAT.value,
            "ended_at": None,
            "asked_at": {"$gt": asked_after, "$lt": asked_before},
            "$expr": {"$gt": ["$asked_seq", "$current_turn"]},
        }
        with mapped_errors():
            documents = await self._runs.find(query, LIGHT).limit(limit).to_list(limit)
        return [await self._with_settings(document) for document in documents]

    async def never_asked(self, run_id: str, seq: int, at: datetime, last: int) -> None:
        """The message that was announced as `seq` at `at` never came, and nothing was since: `last` is the last one."""
        with mapped_errors():
            await self._runs.update_one(
                {"_id": run_id, "asked_seq": seq, "asked_at": at}, {"$set": {"asked_seq": last}}
            )

    async def canceled_chats(self, changed_before: datetime, limit: int) -> list[str]:
        """The ids of chats that were to end before a moment and have not."""
        query = {
            "kind": RunKind.CHAT.value,
            "control.wanted": Wanted.CANCEL.value,
            "ended_at": None,
            "control.changed_at": {"$lt": changed_before},
        }
        with mapped_errors():
            documents = await self._runs.find(query, {"_id": 1}).limit(limit).to_list(limit)
        return [document["_id"] for document in documents]

    async def expired(self, before: datetime, limit: int) -> list[str]:
        """The ids of runs that were to be kept until a moment before `before`."""
        with mapped_errors():
            documents = await self._runs.find({"expires_at": {"$lt": before}}, {"_id": 1}).limit(limit).to_list(limit)
        return [document["_id"] for document in documents]

    async def delete(self, run_id: str) -> None:
        """Forgets the run's own document: the last thing that is deleted of a run."""
        self._settings.pop(run_id, None)
        with mapped_errors():
            await self._runs.delete_one({"_id": run_id})

    async def handled(self, run_id: str, version: int) -> None:
        """A look has made this control version true."""
        with mapped_errors():
            await self._runs.update_one({"_id": run_id}, {"$max": {"control.handled": version}})

    async def finish(
        self, run_id: str, status: RunStatus, at: datetime, report_ready: bool, usage: Usage | None = None
    ) -> Run | None:
        """Sets the terminal status and the totals, once, and returns the run as it is afterwards."""
        totals = {"usage": usage.model_dump(), "budget.spent": usage.cost_nanos} if usage else {}
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {"_id": run_id, "ended_at": None},
                {
                    "$set": {
                        "status": status.value,
                        "ended_at": at,
                        "last_event_at": at,
                        "report_ready": report_ready,
                        "budget.open": 0,
                        **totals,
                    }
                },
                projection=LIGHT,
                return_document=ReturnDocument.AFTER,
            )
        return await self._with_settings(document) if document else await self.get(run_id)

    async def mark_paused(self, run_id: str, version: int) -> bool:
        """Shows the run as paused, if that is still wanted and no slot is open; says whether this call did it."""
        with mapped_errors():
            result = await self._runs.update_one(
                {
                    "_id": run_id,
                    "control.wanted": Wanted.PAUSE.value,
                    "control.version": version,
                    "ended_at": None,
                    "status": {"$ne": RunStatus.PAUSED.value},
                    "$expr": {"$not": [_ANY_SLOT_OPEN]},
                },
                {"$set": {"status": RunStatus.PAUSED.value}},
            )
        return bool(result.modified_count)

    async def note_event(self, run_id: str, sequence: int, at: datetime, last: bool = False) -> None:
        """A fact or a progress stands on the stream; `last` where it is `run.ended`."""
        update: dict[str, Any] = {"$max": {"event_sequence": sequence, "last_event_at": at}}
        if last:
            update["$set"] = {"end_sequence": sequence}
        with mapped_errors():
            await self._runs.update_one({"_id": run_id}, update)

    async def set_usage(self, run_id: str, usage: Usage) -> None:
        """Sets the totals of a run that has ended, counted from entries, generations and usage rows."""
        with mapped_errors():
            await self._runs.update_one(
                {"_id": run_id},
                {"$set": {"usage": usage.model_dump(), "budget.spent": usage.cost_nanos}},
            )

    async def unfinished(self, limit: int) -> list[Run]:
        """Runs that have not ended, for the sweeper; a chat has no end to come to (`unanswered` finds those)."""
        query = {"ended_at": None, "kind": {"$ne": RunKind.CHAT.value}}
        with mapped_errors():
            documents = await self._runs.find(query, LIGHT).sort("deadline_at", 1).limit(limit).to_list(limit)
        return [await self._with_settings(document) for document in documents]

    async def _read_settings(self, run_ids: Sequence[str]) -> None:
        """Has the settings of many runs in the cache, by one query."""
        unknown = [run_id for run_id in run_ids if run_id not in self._settings]
        if not unknown:
            return
        with mapped_errors():
            documents = await self._runs.find({"_id": {"$in": unknown}}, {"settings": 1}).to_list(None)
        for document in documents:
            self._keep_settings(document["_id"], RunSettings.model_validate(document["settings"]))

    def _keep_settings(self, run_id: str, settings: RunSettings) -> RunSettings:
        self._settings[run_id] = settings
        if len(self._settings) > SETTINGS_KEPT:
            self._settings.popitem(last=False)
        return settings

    async def _one(self, query: dict[str, Any]) -> Run | None:
        with mapped_errors():
            document = await self._runs.find_one(query, LIGHT)
        return await self._with_settings(document) if document else None

    async def _find_batch(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Run | None]:
        """By id first: hardly anybody asks by another name."""
        found = await self._found({"_id": {"$in": list({reference for _, reference in wanted})}})
        by_id = {(run.tenant, run.id): run for run in found}
        others = {one for one in wanted if one not in by_id}
        if not others:
            return [by_id[one] for one in wanted]
        tenants, names = {tenant for tenant, _ in others}, {name for _, name in others}
        query = {"tenant": {"$in": list(tenants)}, "client_id": {"$in": list(names)} | INDEXED}
        by_name = {(run.tenant, run.client_id): run for run in await self._found(query)}
        return [by_id.get(one) or by_name.get(one) for one in wanted]

    async def _found(self, query: dict[str, Any]) -> list[Run]:
        with mapped_errors():
            documents = await self._runs.find(query, LIGHT).to_list(None)
        return [await self._with_settings(document) for document in documents]

    async def _with_settings(self, document: Document) -> Run:
        settings = await self.settings(document["_id"])
        return Run.model_validate(with_id(document) | {"settings": settings})

    async def _read_controls(self, run_ids: Sequence[str]) -> Sequence[Control | None]:
        wanted = set(run_ids)
        with mapped_errors():
            if len(wanted) == 1:
                # One alone needs no cursor, which is half of what this costs.
                one = await self._runs.find_one({"_id": run_ids[0]}, {"control": 1})
                documents = [one] if one else []
            else:
                documents = await self._runs.find({"_id": {"$in": list(wanted)}}, {"control": 1}).to_list(None)
        found = {document["_id"]: Control.model_validate(document["control"]) for document in documents}
        return [found.get(run_id) for run_id in run_ids]

    def _account_batch(self, run_id: str) -> Any:
        async def perform(changes: Sequence[AccountChange]) -> Sequence[Glance | None]:
            projection: dict[str, Any] = dict.fromkeys(
                ("control", "budget", "status", "deadline_at", "paused_seconds"), 1
            )
            projection |= {f"slots.c{change.index}": 1 for change in changes}
            with mapped_errors():
                document = await self._runs.find_one_and_update(
                    {"_id": run_id},
                    [stage for change in changes for stage in stages(change)],
                    projection=projection,
                    return_document=ReturnDocument.AFTER,
                )
            return [_glance(document, change.index) if document else None for change in changes]

        return perform

    def _forget_idle_accounts(self) -> None:
        idle = [run_id for run_id, batcher in self._accounts.items() if batcher.idle]
        for run_id in idle:
            del self._accounts[run_id]


# Counted by slots, not by what they hold: a free model's slot holds nothing.
_ANY_SLOT_OPEN = {
    "$anyElementTrue": {
        "$map": {
            "input": {"$objectToArray": "$slots"},
            "as": "held",
            "in": {"$or": [{"$eq": ["$$held.v.turn.open", True]}, {"$eq": ["$$held.v.judge.open", True]}]},
        }
    }
}
_PAUSED = {"$eq": ["$status", RunStatus.PAUSED.value]}


def _pause_over(at: datetime) -> dict[str, Any]:
    """The length in seconds of the pause that a change of control at `at` ends, or 0: a pause stops the clock."""
    length = {"$divide": [{"$subtract": [at, "$control.changed_at"]}, 1000]}
    return {"$cond": [{"$eq": ["$control.wanted", Wanted.PAUSE.value]}, length, 0]}


def _glance(document: Document, index: int) -> Glance:
    slots = document.get("slots", {}).get(f"c{index}", {})
    return Glance(
        control=Control.model_validate(document["control"]),
        budget=Budget.model_validate(document["budget"]),
        status=RunStatus(document["status"]),
        due_at=document["deadline_at"] + timedelta(seconds=document.get("paused_seconds", 0.0)),
        paused_seconds=document.get("paused_seconds", 0.0),
        slots=Slots(turn=(slots.get("turn") or {}).get("seq", 0), judge=(slots.get("judge") or {}).get("seq", 0)),
    )
