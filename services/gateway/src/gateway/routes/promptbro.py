"""PromptBro, the guide for writing prompts (spec/api.md, "PromptBro")."""

from typing import Any

import structlog
from fastapi import APIRouter, Request, Response

from gateway.access import CallerOfRequest
from gateway.errors import Conflict
from gateway.event_stream.answer import AnswerReader
from gateway.parts import PartsOfApp
from gateway.promptbro import AssistBody, assist_settings
from gateway.routes.streams import streams_of
from gateway.starts import new_run
from shared.contracts.record import now
from shared.contracts.runs import StatusView, status_view
from shared.contracts.words import Wanted
from shared.errors import BrokerUnavailable, TransientError

AS_TOKENS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "`token` events, then `done` or `failed`."}
}

log = structlog.stdlib.get_logger("gateway")
router = APIRouter(tags=["promptbro"])


@router.post(
    "/api/promptbro/assist",
    summary="Have a brief, a section or a whole prompt written, streamed",
    response_class=Response,
    responses=AS_TOKENS,
)
async def assist(body: AssistBody, request: Request, parts: PartsOfApp, caller: CallerOfRequest) -> Response:
    streams = streams_of(request)
    settings = assist_settings(body, parts.registry, parts.settings)
    if not parts.connection.connected:
        raise BrokerUnavailable("an answer", ConnectionError("not connected"))
    run, _ = await parts.acceptance.accept(new_run(settings, caller, now()))

    async def stop() -> None:
        try:
            await parts.control.want(caller, run.id, Wanted.CANCEL)
        except (Conflict, TransientError) as error:
            # It ended by itself meanwhile, or will at its time limit.
            log.info("answer not stopped", run_id=run.id, reason=str(error))

    return streams.response(AnswerReader(streams.hub, run, stop), {"X-Stream-Id": run.id})


@router.post(
    "/api/streams/{stream_id}/stop",
    status_code=202,
    summary="Stop an answer that is being written, by its X-Stream-Id",
    response_model=StatusView,
)
async def stop_stream(stream_id: str, parts: PartsOfApp, caller: CallerOfRequest) -> StatusView:
    return status_view(await parts.control.want(caller, stream_id, Wanted.CANCEL))
