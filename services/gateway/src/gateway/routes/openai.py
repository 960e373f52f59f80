"""/v1: OpenAI's chat completions over the same engine, for any client that speaks them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from gateway.access import CallerOfRequest
from gateway.errors import InvalidModel
from gateway.openai_wire.answers import CompletionChunks, completion
from gateway.openai_wire.asked import completion_settings, route_of
from gateway.openai_wire.requests import CompletionBody
from gateway.parts import PartsOfApp
from gateway.plain.runs import answer_run, begin
from gateway.plain.serving import streamed_answer, whole_answer
from gateway.plain.voices import route_headers
from gateway.routes.streams import streams_of
from gateway.store_watch import NeedsStore
from shared.routing import Registry, UnknownModel

AS_CHUNKS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "A completion, or with `stream` its chunks."}
}

router = APIRouter(prefix="/v1", tags=["OpenAI wire format"])


@router.post(
    "/chat/completions",
    summary="Answer a conversation, whole or streamed",
    response_class=Response,
    responses=AS_CHUNKS,
    dependencies=[NeedsStore],
)
async def complete(body: CompletionBody, request: Request, parts: PartsOfApp, caller: CallerOfRequest) -> Response:
    await streams_of(request).check(caller)
    run = await begin(parts, answer_run(completion_settings(body, parts.registry, parts.settings), caller))
    if body.stream:
        form = CompletionChunks(run, includes_usage=body.includes_usage)
        return streamed_answer(request, parts, caller, run, form, advised=False)
    answered = await whole_answer(request, parts, caller, run)
    headers = route_headers(run.settings.scenarios[0].agent, parts.registry, run.id)
    return JSONResponse(completion(run, answered), headers=headers)


@router.get("/models", summary="List the models, in OpenAI's shape")
async def list_models(parts: PartsOfApp) -> dict[str, Any]:
    return {"object": "list", "data": [_model(name) for name in parts.registry.known()]}


@router.get("/models/{model:path}", summary="Show a model, in OpenAI's shape")
async def show_model(model: str, parts: PartsOfApp) -> dict[str, Any]:
    return _model(_known(parts.registry, model))


def _known(registry: Registry, model: str) -> str:
    try:
        route = route_of(registry, model)
    except UnknownModel as error:
        raise InvalidModel(str(error)) from error
    return f"{route.provider}/{route.model}"


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": name.partition("/")[0]}
