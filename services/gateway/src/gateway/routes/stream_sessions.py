"""POST /api/streams/{sid}/stop: an answer ends now."""

from typing import Annotated

from fastapi import APIRouter, Path

from gateway.access.callers import CallerOfRequest
from gateway.schemas.fields import NAME_LENGTH
from gateway.services import NeedsStore, ServicesOfApp
from shared.contracts.enums import Wanted
from shared.contracts.runs import Control, StatusView, status_view

router = APIRouter(prefix="/api/streams", tags=["plain generations"], dependencies=[NeedsStore])


@router.post(
    "/{sid}/stop",
    status_code=202,
    summary="Stop an answer that is being written, by its sid or X-Stream-Id",
    response_model=StatusView,
)
async def stop_stream(
    sid: Annotated[str, Path(max_length=NAME_LENGTH)],
    services: ServicesOfApp,
    caller: CallerOfRequest,
) -> StatusView:
    found = await services.questions.find(caller, sid)
    if found is None:
        # The X-Stream-Id of a chat's answer is the chat's id.
        chat, _ = await services.chat.stop(caller, sid)
        return status_view(chat)
    if not found.begun:
        # It begins cancelled, so that no reader begins it after this.
        canceled = Control(wanted=Wanted.CANCEL, changed_at=found.run.created_at)
        await services.questions.begin(found.run.model_copy(update={"control": canceled}))
    return status_view(await services.control.want(caller.owner, sid, Wanted.CANCEL))
