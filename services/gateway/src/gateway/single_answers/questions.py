"""Questions that are asked for one answer: kept for a reader who is to come, or begun at once as runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from starlette.responses import Response

from gateway.access.callers import ANYBODY, Caller
from gateway.access.token_grants import token_for
from gateway.runs.commands import RunCommands
from gateway.single_answers.runs import answer_run
from gateway.single_answers.sessions import SessionView
from shared.contracts.enums import RunKind
from shared.contracts.runs import Run
from shared.contracts.sessions import Session
from shared.contracts.timestamps import now
from shared.errors import BrokerUnavailable, NotYet, Taken
from shared.messaging.connection import Connection
from shared.storage.owned import StoreOf

SESSION_KEPT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FoundQuestion:
    """The run of a `sid`; one that has not `begun` is not stored yet."""

    run: Run
    begun: bool


@dataclass(frozen=True, slots=True)
class Questions:
    """Keeps and begins questions; `token_secret` signs the tokens of those whose answers are read by EventSource."""

    connection: Connection
    store_of: StoreOf
    commands: RunCommands
    token_secret: SecretStr | None

    def check_broker(self) -> None:
        """Raises BrokerUnavailable: an answer that somebody waits for now is not begun without a broker."""
        if not self.connection.connected:
            raise BrokerUnavailable("an answer", ConnectionError("not connected"))

    async def begin(self, run: Run) -> Run:
        """Stores the run and announces it, once: whoever comes second gets the run that stands.

        Raises BrokerUnavailable (nothing is stored then: somebody waits for the answer now), StoreUnavailable.
        """
        self.check_broker()
        runs = self.store_of(run.owner).runs
        try:
            await runs.insert(run)
        except Taken:
            standing = await runs.get(run.id)
            if standing is None:
                raise NotYet(f"run {run.id}") from None
            return standing
        await self.commands.announce(run)
        return run

    async def find(self, caller: Caller, sid: str) -> FoundQuestion | None:
        """The run of the caller's own `sid`; None where there is none, or its time is over."""
        store = self.store_of(caller.owner)
        run = await store.runs.find(sid)
        if run is not None:
            return FoundQuestion(run, begun=True) if run.kind is RunKind.ASSIST else None
        session = await store.sessions.get(sid, now())
        if session is None:
            return None
        asked = answer_run(session.settings, caller, session.parent)
        return FoundQuestion(asked.model_copy(update={"id": session.id}), begun=False)

    async def session(self, caller: Caller, run: Run, path: str) -> Response:
        """Keeps a question for its reader: 201 with its `sid`.

        An EventSource cannot say whose it is: where that has to be said, its URL says so by a token.
        """
        url = f"{path}?sid={run.id}"
        if caller.owner != ANYBODY:
            token, _ = await token_for(self.store_of(caller.owner), self.token_secret, [run])
            url += f"&token={token}"
        view = SessionView(sid=run.id, url=url, expires_at=await self._keep(run))
        return Response(view.to_json(), 201, {"Location": view.url}, media_type="application/json")

    async def _keep(self, run: Run) -> datetime:
        """Keeps a question under the id its run will have. Returns until when it waits."""
        until = now() + SESSION_KEPT
        session = Session(
            id=run.id, tenant=run.tenant, user=run.user, settings=run.settings, parent=run.parent, expires_at=until
        )
        await self.store_of(run.owner).sessions.insert(session)
        return until
