"""The store, bound to an owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.contracts.agents import Agent
from shared.contracts.owner import Owner
from shared.contracts.reports import Report
from shared.contracts.runs import Run
from shared.contracts.templates import PromptTemplate
from shared.storage.owned.rows import OwnedConversations, OwnedEntries, OwnedGenerations, owned_report
from shared.storage.owned.runs import OwnedRuns
from shared.storage.owned.things import OwnedQuota, OwnedSessions, OwnedVersioned

if TYPE_CHECKING:
    from shared.storage.store import Store


class OwnedStore:
    """What `Store` has, of one owner. It is made for every request, and kept by every stream: it holds next to nothing.

    What is stored of a run is asked for with the run, which says whether the user may see it. Raises NotTheirs where
    it is another's.
    """

    __slots__ = ("_store", "owner")

    def __init__(self, store: Store, owner: Owner) -> None:
        self._store = store
        self.owner = owner

    @property
    def runs(self) -> OwnedRuns:
        return OwnedRuns(self._store.runs, self.owner)

    @property
    def agents(self) -> OwnedVersioned[Agent]:
        return OwnedVersioned(self._store.agents, self.owner)

    @property
    def templates(self) -> OwnedVersioned[PromptTemplate]:
        return OwnedVersioned(self._store.templates, self.owner)

    @property
    def sessions(self) -> OwnedSessions:
        return OwnedSessions(self._store.sessions, self.owner)

    def quota(self, kind: str, period: str) -> OwnedQuota:
        return OwnedQuota(self._store.quotas, self.owner, kind, period)

    def conversations(self, run: Run) -> OwnedConversations:
        return OwnedConversations(self._store.conversations, self.owner, run)

    def entries(self, run: Run) -> OwnedEntries:
        return OwnedEntries(self._store.entries, self.owner, run)

    def generations(self, run: Run) -> OwnedGenerations:
        return OwnedGenerations(self._store.generations, self.owner, run)

    async def report(self, run: Run) -> Report | None:
        return await owned_report(self._store.reports, self.owner, run)


StoreOf = Callable[[Owner], OwnedStore]
"""How the store is come by where everything is asked for in somebody's name."""
