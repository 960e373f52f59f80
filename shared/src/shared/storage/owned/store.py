"""The store, bound to an owner."""

from collections.abc import Callable
from datetime import datetime

from shared.contracts.agents import Agent
from shared.contracts.enums import SpendingKey
from shared.contracts.owner import Owner
from shared.contracts.reports import Report
from shared.contracts.runs import Run
from shared.contracts.spending import Spending
from shared.contracts.templates import PromptTemplate
from shared.storage.owned.rows import OwnedConversations, OwnedEntries, OwnedGenerations, owned_report
from shared.storage.owned.runs import OwnedRuns
from shared.storage.owned.things import OwnedQuota, OwnedSessions, OwnedVersioned
from shared.storage.repositories import Repositories


class OwnedStore:
    """What the store has of one owner. Made for every request and kept by every stream, it holds next to nothing.

    What is stored of a run is asked for with the run, which says whether the user may see it. Raises NotTheirs where
    it is another's.
    """

    __slots__ = ("_repositories", "owner")

    def __init__(self, repositories: Repositories, owner: Owner) -> None:
        self._repositories = repositories
        self.owner = owner

    @property
    def runs(self) -> OwnedRuns:
        return OwnedRuns(self._repositories.runs, self.owner)

    @property
    def agents(self) -> OwnedVersioned[Agent]:
        return OwnedVersioned(self._repositories.agents, self.owner)

    @property
    def templates(self) -> OwnedVersioned[PromptTemplate]:
        return OwnedVersioned(self._repositories.templates, self.owner)

    @property
    def sessions(self) -> OwnedSessions:
        return OwnedSessions(self._repositories.sessions, self.owner)

    def quota(self, kind: str, period: str) -> OwnedQuota:
        return OwnedQuota(self._repositories.quotas, self.owner, kind, period)

    def conversations(self, run: Run) -> OwnedConversations:
        return OwnedConversations(self._repositories.conversations, self.owner, run)

    def entries(self, run: Run) -> OwnedEntries:
        return OwnedEntries(self._repositories.entries, self.owner, run)

    def generations(self, run: Run) -> OwnedGenerations:
        return OwnedGenerations(self._repositories.generations, self.owner, run)

    async def report(self, run: Run) -> Report | None:
        return await owned_report(self._repositories.reports, self.owner, run)

    async def spending(self, start: datetime, end: datetime, by: SpendingKey) -> Spending:
        """What calls from `start` until before `end` took, of the runs that the owner may see."""
        return await self._repositories.spending.of(self.owner, start, end, by)


StoreOf = Callable[[Owner], OwnedStore]
"""How the store is come by where everything is asked for in somebody's name."""
