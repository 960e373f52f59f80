"""What the routes of single answers do: a question that has begun is answered as a stream, whole, or by its `sid`."""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.callers import Caller
from gateway.answers.answer_events import Answered
from gateway.answers.delivery import AnswerDelivery
from gateway.answers.failures import AnswerFailed
from gateway.answers.follower import AnswerFollower
from gateway.errors import NotFound
from gateway.health.store_watch import StoreWatch
from gateway.http.head_requests import is_head
from gateway.runs.control import RunControl
from gateway.single_answers.answer_stream import GRACE_SECONDS, AnswerStream
from gateway.single_answers.formats import PlainFormat, ResumableFormat
from gateway.single_answers.questions import Questions
from gateway.single_answers.runs import answer_seq
from gateway.single_answers.sessions import reconnect
from shared.contracts.endings import ENDINGS
from shared.contracts.enums import EndedReason
from shared.contracts.runs import Run
from shared.contracts.transcript import Failure
from shared.errors import BrokerUnavailable, StoreUnavailable


@dataclass(frozen=True, slots=True)
class SingleAnswers:
    """Serves single answers."""

    questions: Questions
    delivery: AnswerDelivery
    control: RunControl
    store_watch: StoreWatch

    async def read_session(self, request: Request, caller: Caller, sid: str, form: type[ResumableFormat]) -> Response:
        """The answer of a `sid`: begun by its first reader, gone on with for every later one, 204 for who has its end.

        Raises NotFound for a first request; a reconnect to what is gone is 204, so that it is the last one.
        """
        had = reconnect(request, sid)
        if had is not None and had[2]:
            return Response(status_code=204)
        try:
            self.store_watch.check()
            found = await self.questions.find(caller, sid)
            if found is None and had is not None:
                return Response(status_code=204)
            if found is None:
                raise NotFound("answer", sid)
            run = found.run if found.begun or is_head(request.scope) else await self.questions.begin(found.run)
        except (StoreUnavailable, BrokerUnavailable) as error:
            return self.delivery.streams.reconnect_later(error)
        return self.streamed(caller, run, form(run.id, had[1] if had else 0), resumes=True)

    def streamed(
        self, caller: Caller, run: Run, form: PlainFormat, *, resumes: bool = False, advised: bool = True
    ) -> Response:
        """The answer of a run that has begun, as a stream. One that is posted for was admitted before it began."""
        streams, leases = self.delivery.streams, self.delivery.reader_leases
        counted = nullcontext() if resumes else streams.admission.holding(caller)
        serve = AnswerStream(self._follower(run), form, leases, run, self.control.stop_answer, counted, resumes=resumes)
        return streams.response(serve, self.delivery.headers(run), advised=advised, caller=caller if resumes else None)

    async def told(self, request: Request, caller: Caller, run: Run) -> None:
        """Returns when a stream of the answer has something to show, or has to begin without.

        Raises AnswerFailed for an answer that failed before, and StoreUnavailable.
        """
        with self.delivery.streams.admission.holding(caller):
            await self.delivery.told(request, self._follower(run), run.id)

    async def whole(self, request: Request, run: Run) -> Answered:
        """The answer when it is there; a caller that leaves stops it.

        Raises AnswerFailed, BrokerUnavailable, StoreUnavailable.
        """
        try:
            async with asyncio.timeout(run.settings.time_limit_seconds + GRACE_SECONDS):
                return await self.delivery.whole(
                    request, self._follower(run), run.id, lambda: self.control.stop_answer(run)
                )
        except TimeoutError:
            late = ENDINGS[EndedReason.TIMEOUT]
            raise AnswerFailed(Failure(code=late.code, message=late.sentence), {"streamId": run.id}) from None

    def _follower(self, run: Run) -> AnswerFollower:
        return self.delivery.follower(run, answer_seq(run))
