"""/v1: OpenAI's chat completions over the same engine, for any client that speaks them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from gateway.access.callers import CallerOfRequest
from gateway.answers.route_headers import route_headers
from gateway.errors import InvalidModel
from gateway.openai_wire.answers import CompletionChunks, completion
from gateway.openai_wire.requests import CompletionBody
from gateway.openai_wire.run_settings import completion_settings
from gateway.schemas.completions import Completion, Model, Models, Refusal
from gateway.schemas.events import as_events
from gateway.services import NeedsStore, ServicesOfApp
from gateway.single_answers.runs import answer_run
from shared.routing import Router, UnknownModel

AS_COMPLETION: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Completion,
        "content": as_events("CompletionChunk"),
        "description": "A completion, or with `stream` its chunks.",
    }
}
ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Refusal}, "5XX": {"model": Refusal}}

router = APIRouter(prefix="/v1", tags=["OpenAI wire format"], responses=ERRORS)


@router.post(
    "/chat/completions",
    summary="Answer a conversation, whole or streamed",
    response_class=Response,
    responses=AS_COMPLETION,
    dependencies=[NeedsStore],
)
async def create_chat_completion(
    body: CompletionBody, request: Request, services: ServicesOfApp, caller: CallerOfRequest
) -> Response:
    await services.streams.check(caller)
    settings = completion_settings(body, services.casting, services.settings)
    run = await services.questions.begin(answer_run(settings, caller))
    if body.stream:
        await services.single_answers.told(request, caller, run)
        form = CompletionChunks(run, includes_usage=body.includes_usage)
        return services.single_answers.streamed(caller, run, form, advised=False)
    answered = await services.single_answers.whole(request, run)
    headers = route_headers(services.router, run.settings.scenarios[0].agent, run.id)
    return JSONResponse(completion(run, answered), headers=headers)


@router.get("/models", summary="List the models, in OpenAI's shape", response_model=Models)
async def list_openai_models(services: ServicesOfApp) -> Models:
    return Models(data=[_model(name) for name in services.registry.known()])


@router.get("/models/{model:path}", summary="Show a model, in OpenAI's shape", response_model=Model)
async def get_openai_model(model: str, services: ServicesOfApp) -> Model:
    return _model(_known(services.router, model))


def _known(router: Router, model: str) -> str:
    try:
        return str(router.first(router.wish_of(model)))
    except UnknownModel as error:
        raise InvalidModel(str(error)) from error


def _model(name: str) -> Model:
    return Model(id=name, owned_by=name.partition("/")[0])
