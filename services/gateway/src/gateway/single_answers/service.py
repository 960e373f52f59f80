"""What the routes of single answers do: a question begins once, and is answered as a stream, whole, or by its `sid`."""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.callers import ANYBODY, Caller
from gateway.access.token_grants import token_for
from gateway.answers.answer_events import Answered
from gateway.answers.failures import AnswerFailed
from gateway.answers.follower import AnswerFollower
from gateway.answers.json_answer import await_answer
from gateway.answers.reader_leases import ReaderLeases
from gateway.answers.route_headers import route_headers
from gateway.errors import Conflict, NotFound
from gateway.event_stream import Streams
from gateway.health.store_watch import StoreWatch
from gateway.http.head_requests import is_head
from gateway.runs.commands import RunCommands
from gateway.runs.control import RunControl
from gateway.single_answers.answer_stream import GRACE_SECONDS, AnswerStream, Stop
from gateway.single_answers.formats import PlainFormat, ResumableFormat
from gateway.single_answers.runs import answer_run, answer_seq
from gateway.single_answers.sessions import SessionView, reconnect
from shared.contracts.endings import ENDINGS
from shared.contracts.enums import EndedReason, RunKind, Wanted
from shared.contracts.runs import Run
from shared.contracts.sessions import Session
from shared.contracts.timestamps import now
from shared.errors import BrokerUnavailable, NotYet, StoreUnavailable, Taken, TransientError
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.routing import Router
from shared.storage.owned import StoreOf

SESSION_KEPT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """The run of a `sid`; one that has not `begun` is not stored yet."""

    run: Run
    begun: bool


@dataclass(frozen=True, slots=True)
class SingleAnswers:
    """Begins and serves single answers; `token_secret` signs the tokens of those who read them by EventSource."""

    connection: Connection
    store_of: StoreOf
    store_watch: StoreWatch
    commands: RunCommands
    control: RunControl
    streams: Streams
    reader_leases: ReaderLeases
    router: Router
    token_secret: SecretStr | None
    log: Logger

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

    async def find(self, caller: Caller, sid: str) -> FoundAnswer | None:
        """The run of the caller's own `sid`; None where there is none, or its time is over."""
        store = self.store_of(caller.owner)
        run = await store.runs.find(sid)
        if run is not None:
            return FoundAnswer(run, begun=True) if run.kind is RunKind.ASSIST else None
        session = await store.sessions.get(sid, now())
        if session is None:
            return None
        asked = answer_run(session.settings, caller, session.parent)
        return FoundAnswer(asked.model_copy(update={"id": session.id}), begun=False)

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

    async def read_session(self, request: Request, caller: Caller, sid: str, form: type[ResumableFormat]) -> Response:
        """The answer of a `sid`: begun by its first reader, gone on with for every later one, 204 for who has its end.

        Raises NotFound for a first request; a reconnect to what is gone is 204, so that it is the last one.
        """
        had = reconnect(request, sid)
        if had is not None and had[2]:
            return Response(status_code=204)
        try:
            self.store_watch.check()
            found = await self.find(caller, sid)
            if found is None and had is not None:
                return Response(status_code=204)
            if found is None:
                raise NotFound("answer", sid)
            run = found.run if found.begun or is_head(request.scope) else await self.begin(found.run)
        except (StoreUnavailable, BrokerUnavailable) as error:
            return self.streams.reconnect_later(error)
        return self.streamed(caller, run, form(run.id, had[1] if had else 0), resumes=True)

    def streamed(
        self, caller: Caller, run: Run, form: PlainFormat, *, resumes: bool = False, advised: bool = True
    ) -> Response:
        """The answer of a run that has begun, as a stream. One that is posted for was admitted before it began."""
        counted = nullcontext() if resumes else self.streams.admission.holding(caller)
        stop = self._stop_of(caller, run)
        serve = AnswerStream(self._follower(run), form, self.reader_leases, run, stop, counted, resumes=resumes)
        headers = route_headers(self.router, run.settings.scenarios[0].agent, run.id)
        return self.streams.response(serve, headers, advised=advised, caller=caller if resumes else None)

    async def whole(self, request: Request, caller: Caller, run: Run) -> Answered:
        """The answer when it is there; a caller that leaves stops it.

        Raises AnswerFailed, BrokerUnavailable, StoreUnavailable.
        """
        self.streams.begin()
        follower, stop = self._follower(run), self._stop_of(caller, run)
        try:
            async with asyncio.timeout(run.settings.time_limit_seconds + GRACE_SECONDS):
                return await await_answer(
                    request, follower, run.id, follower.seq, self.reader_leases, self.streams.stopping, stop
                )
        except TimeoutError:
            late = ENDINGS[EndedReason.TIMEOUT]
            raise AnswerFailed(late.code, late.sentence, {"streamId": run.id}) from None

    def _follower(self, run: Run) -> AnswerFollower:
        return AnswerFollower(self.streams.hub, self.store_of(run.owner), run, answer_seq(run), 0)

    def _stop_of(self, caller: Caller, run: Run) -> Stop:
        """What stops an answer: the call to its model is closed at once."""

        async def stop() -> None:
            try:
                await self.control.want(caller.owner, run.id, Wanted.CANCEL)
            except (Conflict, TransientError) as error:
                # It ended by itself meanwhile, or will for want of readers.
                self.log.info("answer not stopped", run_id=run.id, reason=str(error))

        return stop
