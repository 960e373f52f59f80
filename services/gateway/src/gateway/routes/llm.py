"""/api/llm: one question, one answer, in the plainest form an EventSource reads (docs/api.md)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from gateway.access.callers import CallerOfRequest
from gateway.access.token_callers import ReadByToken
from gateway.errors import FieldProblem, InvalidRequest
from gateway.http.head_requests import is_head
from gateway.http.validation import problems
from gateway.routes.streams import LastEventId
from gateway.schemas.events import as_events
from gateway.schemas.fields import NAME_LENGTH, Prompt
from gateway.services import NeedsStore, ServicesOfApp
from gateway.single_answers.formats import TokenMessages
from gateway.single_answers.requests import QuestionBody, question
from gateway.single_answers.runs import answer_run
from gateway.single_answers.sessions import SessionView, reconnect
from shared.contracts.enums import Tier
from shared.errors import BrokerUnavailable, StoreUnavailable

PATH = "/api/llm"
AS_TOKENS: dict[int | str, dict[str, Any]] = {
    200: {"content": as_events("TokenMessage"), "description": '`{"token"}` messages, then `{"done":true}`.'},
    204: {"description": "`Last-Event-ID` is the end of its answer, or its answer is gone."},
}
ShortText = Annotated[str | None, Query(max_length=NAME_LENGTH)]
PromptText = Annotated[Prompt | None, Query()]

router = APIRouter(tags=["plain generations"])


@router.post(
    PATH, status_code=201, summary="Ask; the answer is read by EventSource", response_model=SessionView,
    dependencies=[NeedsStore],
)  # fmt: skip
async def ask_model(body: QuestionBody, services: ServicesOfApp, caller: CallerOfRequest) -> Response:
    settings = question(body, services.casting, services.settings)
    return await services.questions.session(caller, answer_run(settings, caller), PATH)


@router.get(
    PATH,
    summary="Read an answer, or ask and read at once",
    response_class=Response,
    responses=AS_TOKENS,
    dependencies=[ReadByToken],
)
async def read_model_answer(
    request: Request,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    prompt: PromptText = None,
    sid: ShortText = None,
    system: PromptText = None,
    provider: ShortText = None,
    model: ShortText = None,
    tier: Tier | None = None,
    last_event_id: LastEventId = None,
) -> Response:
    if (prompt is None) == (sid is None):
        raise InvalidRequest(FieldProblem("prompt", "is required, or sid in its place: send one of them"))
    begun = reconnect(request, sid)
    if sid is not None or begun is not None:
        # The id of an event names the answer: asked for once, it is never asked for again.
        read = sid or (begun[0] if begun else "")
        return await services.single_answers.read_session(request, caller, read, TokenMessages)
    body = _body(prompt=prompt, system=system, provider=provider, model=model, tier=tier)
    run = answer_run(question(body, services.casting, services.settings), caller)
    try:
        services.store_watch.check()
        run = run if is_head(request.scope) else await services.questions.begin(run)
    except (StoreUnavailable, BrokerUnavailable) as error:
        return services.streams.reconnect_later(error)
    return services.single_answers.streamed(caller, run, TokenMessages(run.id, announced=True), resumes=True)


def _body(**named: object) -> QuestionBody:
    """The query as a body. Raises InvalidRequest."""
    try:
        return QuestionBody.model_validate({name: value for name, value in named.items() if value is not None})
    except ValidationError as error:
        raise InvalidRequest(*problems(error.errors())) from error
