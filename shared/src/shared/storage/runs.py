"""The repository of runs: what changes them, each change once and only where it still holds."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from shared.contracts.enums import TERMINAL, RunStatus, Wanted
from shared.contracts.owner import Owner
from shared.contracts.runs import Outcome, Run
from shared.contracts.transcript import Failure, Usage
from shared.storage.accounts import AccountChange, Reserve, count_stages, raised
from shared.storage.driver import Collection, check_size, mapped_errors, to_document
from shared.storage.run_accounts import RunAccounts, RunAccountView
from shared.storage.run_reads import LIGHT, RunReads
from shared.storage.run_settings import packed
from shared.storage.scope import scope_of_runs


class Runs(RunReads):
    """Everything that is known of runs; how they are read stands in `run_reads.py`."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(collection)
        self._accounts = RunAccounts(collection)

    async def insert(self, run: Run) -> None:
        """Stores a new run.

        Raises Taken where its id, client id or idempotency key is in use, NotStorable where it leaves no room to grow.
        """
        document = to_document(run) | {"slots": {}, "spent": {}}
        document["settings"] = packed(document["settings"])
        if run.settings.report_reserve_nanos:
            document["budget"]["open"] = run.settings.report_reserve_nanos
        check_size("a run", document)
        with mapped_errors(run.id):
            await self._runs.insert_one(document)

    async def account(self, run_id: str, change: AccountChange) -> RunAccountView | None:
        """Applies a look's change to its run's account; changes of one run that wait share an update."""
        return await self._accounts.change(run_id, change)

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

    async def raise_reservation(self, run_id: str, index: int, reserve: Reserve) -> bool:
        """Has a slot hold what its job costs elsewhere; False where that is more than the budget leaves."""
        guard, stages = raised(index, reserve)
        with mapped_errors():
            result = await self._runs.update_one({"_id": run_id, "$expr": guard}, stages)
        return bool(result.matched_count)

    async def set_wanted(
        self, owner: Owner, run_id: str, wanted: Wanted, seen_version: int, at: datetime
    ) -> Run | None:
        """Sets what is wanted, if control is still at `seen_version` and no cancel is wanted; None where it is not."""
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {
                    "_id": run_id,
                    **scope_of_runs(owner),
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

    async def ask(self, owner: Owner, run_id: str, seq: int, at: datetime, expires_at: datetime) -> Run | None:
        """A person's message stands: the sweeper sees to it that it is answered.

        Returns the run as it is afterwards; None where it was deleted, or is to be: that is not kept longer for it.
        """
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {"_id": run_id, **scope_of_runs(owner), "control.wanted": {"$ne": Wanted.CANCEL.value}},
                {"$max": {"asked_seq": seq, "asked_at": at, "last_event_at": at, "expires_at": expires_at}},
                projection=LIGHT,
                return_document=ReturnDocument.AFTER,
            )
        return await self._with_settings(document) if document else None

    async def give_up(self, owner: Owner, run_id: str, at: datetime) -> Run | None:
        """The run is to end and is not kept longer than until `at`, in one step: from then on nobody is shown it.

        Returns it as it is afterwards; None where it is gone.
        """
        is_new = {"$ne": ["$control.wanted", Wanted.CANCEL.value]}
        change = {
            "expires_at": at,
            "control.wanted": Wanted.CANCEL.value,
            "control.changed_at": {"$cond": [is_new, at, "$control.changed_at"]},
            "control.version": {"$cond": [is_new, {"$add": ["$control.version", 1]}, "$control.version"]},
        }
        with mapped_errors():
            document = await self._runs.find_one_and_update(
                {"_id": run_id, **scope_of_runs(owner)},
                [{"$set": change}],
                projection=LIGHT,
                return_document=ReturnDocument.AFTER,
            )
        return await self._with_settings(document) if document else None

    async def stop_answer(self, owner: Owner, run_id: str, seq: int) -> None:
        """The answer at `seq`, and any below it, is to end with what it has."""
        with mapped_errors():
            await self._runs.update_one({"_id": run_id, **scope_of_runs(owner)}, {"$max": {"control.stop_seq": seq}})

    async def delete(self, run_id: str) -> None:
        """Forgets the run's own document: the last thing that is deleted of a run."""
        self._assignments.forget(run_id)
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

    async def abandon(self, run_id: str, failure: Failure, at: datetime) -> None:
        """Ends a run that nobody can look at, once: `canceled` where that is wanted, else `failed`. Reads nothing."""
        canceled = {"$eq": ["$control.wanted", Wanted.CANCEL.value]}
        ended = {
            "status": {"$cond": [canceled, RunStatus.CANCELED.value, RunStatus.FAILED.value]},
            "ended_at": at,
            "last_event_at": at,
            "error": {"$literal": failure.model_dump()},
            "budget.open": 0,
        }
        with mapped_errors():
            await self._runs.update_one({"_id": run_id, "ended_at": None}, [{"$set": ended}])

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
