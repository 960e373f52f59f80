"""The accounts of runs: what many looks change at one run is one update (accounts.py says what a change is)."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from shared.contracts.enums import RunStatus
from shared.contracts.model import Contract
from shared.contracts.runs import Budget, Control
from shared.storage.accounts import AccountChange, stages
from shared.storage.batching import Batcher
from shared.storage.driver import Collection, Document, mapped_errors

CHANGES_TOGETHER = 40
RUNS_KEPT = 500


class Slots(Contract):
    """Which seq a conversation's slots hold; 0 where none."""

    turn: int = 0
    judge: int = 0


class RunAccountView(Contract):
    """What a look needs of its run after its account changed."""

    control: Control
    budget: Budget
    status: RunStatus
    due_at: datetime
    slots: Slots = Slots()
    paused_seconds: float = 0.0


class RunAccounts:
    """One batch a run under way at a time."""

    def __init__(self, runs: Collection) -> None:
        self._runs = runs
        self._batchers: dict[str, Batcher[AccountChange, RunAccountView | None]] = {}

    async def change(self, run_id: str, change: AccountChange) -> RunAccountView | None:
        """Applies a change to a run's account; those of one run that wait share an update."""
        batcher = self._batchers.get(run_id)
        if batcher is None:
            batcher = Batcher(self._batch_of(run_id), largest=CHANGES_TOGETHER, parallel=1)
            self._batchers[run_id] = batcher
            if len(self._batchers) > RUNS_KEPT:
                self._forget_idle()
        return await batcher.submit(change)

    def _batch_of(self, run_id: str) -> Callable[[Sequence[AccountChange]], Awaitable[Sequence[RunAccountView | None]]]:
        async def perform(changes: Sequence[AccountChange]) -> Sequence[RunAccountView | None]:
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
            return [_view(document, change.index) if document else None for change in changes]

        return perform

    def _forget_idle(self) -> None:
        idle = [run_id for run_id, batcher in self._batchers.items() if batcher.idle]
        for run_id in idle:
            del self._batchers[run_id]


def _view(document: Document, index: int) -> RunAccountView:
    slots = document.get("slots", {}).get(f"c{index}", {})
    return RunAccountView(
        control=Control.model_validate(document["control"]),
        budget=Budget.model_validate(document["budget"]),
        status=RunStatus(document["status"]),
        due_at=document["deadline_at"] + timedelta(seconds=document.get("paused_seconds", 0.0)),
        paused_seconds=document.get("paused_seconds", 0.0),
        slots=Slots(turn=(slots.get("turn") or {}).get("seq", 0), judge=(slots.get("judge") or {}).get("seq", 0)),
    )
