"""What an owner keeps beside runs: agents, templates, questions that wait for a reader, what they had of a quota."""

from datetime import datetime
from typing import Generic

from shared.contracts.owner import Owner
from shared.contracts.sessions import Session
from shared.storage.owned.claims import NotTheirs, claim_thing
from shared.storage.paging import Page
from shared.storage.quotas import Allowance, Quotas, QuotaUsage
from shared.storage.sessions import Sessions
from shared.storage.versioned import Resource, Versioned


class OwnedVersioned(Generic[Resource]):
    """What `Versioned` does, of the owner's tenant."""

    def __init__(self, things: Versioned[Resource], owner: Owner) -> None:
        self._things: Versioned[Resource] = things
        self._owner = owner

    async def get(self, identity: str, version: int | None = None) -> Resource | None:
        return await self._things.get(self._owner.tenant, identity, version)

    async def newest(self, before: str | None, limit: int, **equal: str) -> Page[Resource]:
        return await self._things.newest(self._owner.tenant, before, limit, **equal)

    async def versions(self, identity: str, before: int | None = None, limit: int = 100) -> Page[Resource]:
        return await self._things.versions(self._owner.tenant, identity, before, limit)

    async def insert(self, thing: Resource) -> None:
        await self._things.insert(claim_thing(self._owner, thing))

    async def replace(self, thing: Resource) -> bool:
        return await self._things.replace(claim_thing(self._owner, thing))

    async def archive(self, identity: str) -> bool:
        return await self._things.archive(self._owner.tenant, identity)


class OwnedSessions:
    """What `Sessions` does, of the user's own."""

    def __init__(self, sessions: Sessions, owner: Owner) -> None:
        self._sessions = sessions
        self._owner = owner

    async def insert(self, session: Session) -> None:
        if (session.tenant, session.user) != self._owner:
            raise NotTheirs(f"session {session.id}")
        await self._sessions.insert(session)

    async def get(self, sid: str, at: datetime) -> Session | None:
        return await self._sessions.get(self._owner, sid, at)


class OwnedQuota:
    """What the user had of something in a period: both are named by `kind` and `period`."""

    def __init__(self, quotas: Quotas, owner: Owner, kind: str, period: str) -> None:
        self._quotas = quotas
        self._key = f"{kind}:{owner.tenant}:{owner.user}:{period}"

    async def get(self) -> QuotaUsage:
        return await self._quotas.get(self._key)

    async def take(self, run_id: str, estimate_nanos: int, allowance: Allowance, expires_at: datetime) -> bool:
        return await self._quotas.take(self._key, run_id, estimate_nanos, allowance, expires_at)

    async def settle(self, run_id: str, cost_nanos: int) -> None:
        await self._quotas.settle(self._key, run_id, cost_nanos)
