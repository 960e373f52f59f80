"""The repository of questions that wait for their reader; each is forgotten by itself when its time is over."""

from datetime import datetime

from shared.contracts.owner import Owner
from shared.contracts.sessions import Session
from shared.storage.driver import Collection, mapped_errors, to_document, with_id


class Sessions:
    """Sessions by `sid`. Any gateway may store one, and any other serve its reader."""

    def __init__(self, collection: Collection) -> None:
        self._sessions = collection

    async def insert(self, session: Session) -> None:
        with mapped_errors(session.id):
            await self._sessions.insert_one(to_document(session))

    async def get(self, owner: Owner, sid: str, at: datetime) -> Session | None:
        """The owner's session, or None where there is none or its time is over."""
        # The index that forgets them runs once a minute.
        query = {"_id": sid, "tenant": owner.tenant, "user": owner.user, "expires_at": {"$gt": at}}
        with mapped_errors():
            document = await self._sessions.find_one(query)
        return Session.model_validate(with_id(document)) if document else None
