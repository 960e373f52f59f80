"""PromptBro, the guide for writing prompts (docs/api.md, "PromptBro")."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from gateway.access.callers import Caller, CallerOfRequest
from gateway.access.token_callers import ReadByToken
from gateway.promptbro.events import AssistEvents
from gateway.promptbro.material import material, prompt_under_test, report_of
from gateway.promptbro.saved_texts import SaveBody, result_of, save_agent, save_template
from gateway.promptbro.steps import AssistBody, assist_settings, check_input
from gateway.routes.streams import LastEventId
from gateway.schemas.agents import AgentView
from gateway.schemas.events import as_events
from gateway.schemas.fields import NAME_LENGTH
from gateway.schemas.templates import TemplateView
from gateway.services import NeedsStore, Services, ServicesOfApp
from gateway.single_answers.runs import UNREAD_AT_ONCE, UNREAD_FOR_A_RECONNECT, answer_run
from gateway.single_answers.sessions import SessionView
from shared.contracts.settings import RunSettings

PATH = "/api/promptbro/assist"
AS_TOKENS: dict[int | str, dict[str, Any]] = {
    200: {"content": as_events("AssistMessage"), "description": "`token` events, then `done` or `failed`."},
}
AS_SESSION: dict[int | str, dict[str, Any]] = {
    201: {"model": SessionView, "description": "With `mode=session`: read the answer by EventSource."},
}
RESUMED: dict[int | str, dict[str, Any]] = {
    204: {"description": "`Last-Event-ID` is the end of its answer, or its answer is gone."},
}

router = APIRouter(prefix="/api/promptbro", tags=["promptbro"])


@router.post(
    "/assist",
    summary="Have a brief, a section, a prompt or criteria written, streamed",
    response_class=Response,
    responses=AS_TOKENS | AS_SESSION,
    dependencies=[NeedsStore],
)
async def assist(
    body: AssistBody,
    request: Request,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    mode: Annotated[Literal["session"] | None, Query(description="`session`: answer with a `sid` to read by.")] = None,
) -> Response:
    if mode is None:
        # Before it counts against the quota.
        await services.streams.check(caller)
        services.questions.check_broker()
    orphan_seconds = UNREAD_FOR_A_RECONNECT if mode else UNREAD_AT_ONCE
    reported, settings = await _settings(body, services, caller, orphan_seconds)
    run = answer_run(settings, caller, parent=reported)
    await services.assist_quota.take(run)
    if mode is not None:
        return await services.questions.session(caller, run, PATH)
    run = await services.questions.begin(run)
    return services.single_answers.streamed(caller, run, AssistEvents(run.id))


@router.get(
    "/assist",
    summary="Read an answer by its sid",
    response_class=Response,
    responses=AS_TOKENS | RESUMED,
    dependencies=[ReadByToken],
)
async def read_assistance(
    request: Request,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    sid: Annotated[str, Query(max_length=NAME_LENGTH)],
    last_event_id: LastEventId = None,
) -> Response:
    return await services.single_answers.read_session(request, caller, sid, AssistEvents)


@router.post(
    "/save",
    status_code=201,
    summary="Keep what was written, as a template or as a new version of an agent",
    response_model=TemplateView | AgentView,
    dependencies=[NeedsStore],
)
async def save_prompt(body: SaveBody, services: ServicesOfApp, caller: CallerOfRequest) -> TemplateView | AgentView:
    store = services.store_of(caller.owner)
    written = await result_of(store, body)
    if body.kept_as == "template":
        return TemplateView.of(await save_template(store, body, written))
    return AgentView.of(await save_agent(store, body, written))


async def _settings(
    body: AssistBody, services: Services, caller: Caller, orphan_seconds: float
) -> tuple[str | None, RunSettings]:
    """The run whose report it begins with, and how it is played."""
    check_input(body)
    reported = found = None
    if body.step == "from-report" and body.report_run_id is not None:
        run, report = await report_of(services.store_of(caller.owner), body.report_run_id)
        reported, found = run.id, material(run, report)
        body = body if body.input.strip() else body.model_copy(update={"input": prompt_under_test(run)})
    settings = assist_settings(body, services.casting, services.settings, orphan_seconds=orphan_seconds, material=found)
    return reported, settings
