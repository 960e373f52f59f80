"""The runs of an owner."""

from collections.abc import Sequence
from datetime import datetime

from shared.contracts.enums import RunKind, Wanted
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.storage.owned.claims import claim
from shared.storage.paging import Page
from shared.storage.runs import Runs
from shared.storage.scope import scope_of_runs


class OwnedRuns:
    """What `Runs` does, of the owner's only: those the tenant plays, and the user's own chats and answers."""

    def __init__(self, runs: Runs, owner: Owner) -> None:
        self._runs = runs
        self._owner = owner

    async def get(self, run_id: str) -> Run | None:
        return await self._runs.get(run_id, scope_of_runs(self._owner))

    async def find(self, reference: str, *, forgotten: bool = False) -> Run | None:
        return await self._runs.find(self._owner, reference, forgotten=forgotten)

    async def find_by_key(self, idempotency_key: str) -> Run | None:
        return await self._runs.find_by_key(self._owner, idempotency_key)

    async def standing(self, run_ids: Sequence[str]) -> dict[str, bool]:
        return await self._runs.standing(self._owner, run_ids)

    async def newest(self, kind: RunKind | None, status: Sequence[str], before: str | None, limit: int) -> Page[Run]:
        return await self._runs.newest(self._owner, kind, status, before, limit)

    async def insert(self, run: Run) -> None:
        await self._runs.insert(claim(self._owner, run))

    async def set_wanted(self, run_id: str, wanted: Wanted, seen_version: int, at: datetime) -> Run | None:
        return await self._runs.set_wanted(self._owner, run_id, wanted, seen_version, at)

    async def give_up(self, run_id: str, at: datetime) -> Run | None:
        return await self._runs.give_up(self._owner, run_id, at)

    async def ask(self, run_id: str, seq: int, at: datetime, expires_at: datetime) -> Run | None:
        return await self._runs.ask(self._owner, run_id, seq, at, expires_at)

    async def stop_answer(self, run_id: str, seq: int) -> None:
        await self._runs.stop_answer(self._owner, run_id, seq)
