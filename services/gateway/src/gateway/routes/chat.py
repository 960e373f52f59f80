"""Chats (docs/api.md, "Chat and plain generations")."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.access.callers import Caller, CallerOfRequest
from gateway.access.token_callers import ReadByToken
from gateway.chat.views import ChatPage, ChatView, chat_item, chat_view, read_page
from gateway.errors import FieldProblem, InvalidRequest, NotFound, TooManyStreams
from gateway.event_stream.connections.open_streams import OpenStream
from gateway.http.paging import Cursor, Limit, page_size
from gateway.runs.messages import LARGEST_SEQ
from gateway.schemas.chat import ChatBody, EventsChatBody, FormatWord, RecoverBody, WholeAnswer
from gateway.schemas.events import as_events
from gateway.services import NeedsStore, ServicesOfApp
from shared.contracts.enums import RunKind, Wanted
from shared.contracts.model import Contract
from shared.errors import BrokerUnavailable, StoreUnavailable

LARGEST_BODY = 4 * 1024 * 1024
PATH = "/api/chat"
POSTS = (PATH, *(f"/api/chat/{name}" for name in ("advanced", "routed", "managed", "production")))
AS_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "model": WholeAnswer,
        "content": as_events("UiChunk") | {"text/plain": {"schema": {"type": "string"}}},
        "description": "The answer in the format asked for; by default the AI SDK's UI message stream.",
    },
}
RESUMED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": as_events("UiChunk") | {"text/plain": {"schema": {"type": "string"}}},
        "description": "The answer; `id:` is where a reconnect goes on.",
    },
    204: {"description": "There is nothing to go on with."},
}

Format = Annotated[
    FormatWord,
    Query(
        description="The format of the answer, as in the body of a post; only streams can be gone on with.",
        json_schema_extra={"enum": ["ui", "data", "text", "sse"]},
    ),
]
LastEventId = Annotated[str | None, Query(alias="lastEventId", description="As the header `Last-Event-ID`.")]

Before = Annotated[int | None, Query(ge=1, le=LARGEST_SEQ, description="Messages before this seq: `nextBefore`.")]
MessageLimit = Annotated[int | None, Query(ge=1, description="How many messages at most: 500, in 2 MiB, by default.")]

router = APIRouter(tags=["chat"])


def _named_by(path: str) -> str:
    """What a path under which chats are posted is called in the names of its operations."""
    return "chat_" if path == PATH else f"{path.rpartition('/')[2]}_chat_"


class Stopping(Contract):
    """What a stop was asked of; `seq` is null where no answer was being written."""

    id: str
    conversation_id: str
    seq: int | None
    stopping: bool


async def post_message(body: ChatBody, request: Request, services: ServicesOfApp, caller: CallerOfRequest) -> Response:
    return await services.chat.post(request, _named(caller, request, body.user_id), body, body.format or "ui")


async def post_message_as_events(
    body: EventsChatBody, request: Request, services: ServicesOfApp, caller: CallerOfRequest
) -> Response:
    if body.format not in (None, "sse"):
        raise InvalidRequest(FieldProblem("format", "is sse under this path; /api/chat takes every format", ["sse"]))
    return await services.chat.post(request, _named(caller, request, body.user_id), body, "sse")


for _path in POSTS:
    router.add_api_route(
        _path,
        post_message,
        methods=["POST"],
        summary="Say something and stream the answer",
        response_class=Response,
        responses=AS_ANSWER,
        name=f"post_{_named_by(_path)}message",
        dependencies=[NeedsStore],
    )
router.add_api_route(
    "/api/chat/sse",
    post_message_as_events,
    methods=["POST"],
    summary='Say something and stream the answer as `data: {"content"}` ... `data: [DONE]`',
    response_class=Response,
    responses={200: {"content": as_events("ContentMessage"), "description": "The answer; `[DONE]` ends it."}},
    name="post_message_as_events",
    dependencies=[NeedsStore],
)


@router.post(
    "/api/chat/recover",
    summary="Stream what follows the text of the last answer that a client has",
    response_class=Response,
    responses=RESUMED,
    dependencies=[NeedsStore],
)
async def recover_chat_answer(
    body: RecoverBody, request: Request, services: ServicesOfApp, caller: CallerOfRequest
) -> Response:
    return await services.chat.recover(request, _named(caller, request, body.user_id), body)


@router.get("/api/chats", summary="List chats, newest first", response_model=ChatPage, dependencies=[NeedsStore])
async def list_chats(
    services: ServicesOfApp, caller: CallerOfRequest, cursor: Cursor = None, limit: Limit = None
) -> ChatPage:
    found = await services.store_of(caller.owner).runs.newest(
        RunKind.CHAT, (), cursor, page_size(services.settings, limit)
    )
    items = [chat_item(run) for run in found if run.control.wanted is not Wanted.CANCEL]
    return ChatPage(items=items, next_cursor=found[-1].id if found.more else None)


@router.get(
    "/api/chat/{chat_id}", summary="Show a chat and its messages", response_model=ChatView, dependencies=[NeedsStore]
)
async def get_chat(
    chat_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    before: Before = None,
    limit: MessageLimit = None,
) -> ChatView:
    most = page_size(services.settings, limit or services.settings.list_limit_ceiling)
    run = await services.chat.chats.get(caller, chat_id)
    return chat_view(run, await read_page(services.store_of(caller.owner), run, before, most))


@router.delete("/api/chat/{chat_id}", status_code=204, summary="Delete a chat", dependencies=[NeedsStore])
async def delete_chat(chat_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> None:
    run = await services.chat.chats.find(caller, chat_id)
    if run is None:
        raise NotFound("chat", chat_id)
    await services.deleted_chats.delete(run)


async def resume_answer(
    chat_id: str,
    request: Request,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    format: Format = "ui",
    last_event_id: LastEventId = None,
) -> Response:
    if format == "json":
        raise InvalidRequest(FieldProblem("format", "must be a stream's: ui, data, text or sse"))
    try:
        return await services.chat.resume(request, caller, chat_id, format)
    except NotFound:
        # To `useChat` any status but 2xx is an error on every load of its page.
        return Response(status_code=204)
    except (StoreUnavailable, BrokerUnavailable) as error:
        return services.streams.reconnect_later(error)
    except TooManyStreams:
        return services.streams.response(_nothing, caller=caller)


async def stop_answer(chat_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> Stopping:
    run, seq = await services.chat.stop(caller, chat_id)
    return Stopping(id=run.id, conversation_id=run.id, seq=seq, stopping=seq is not None)


# Under every path a chat may be posted to: the AI SDK's transport resumes below its own.
for _path in POSTS:
    _name = _named_by(_path)
    router.add_api_route(
        f"{_path}/{{chat_id}}/stream",
        resume_answer,
        methods=["GET"],
        summary="Go on with an answer: after `Last-Event-ID`, or from its start",
        response_class=Response,
        responses=RESUMED,
        name=f"resume_{_name}answer",
        dependencies=[ReadByToken],
    )
    router.add_api_route(
        f"{_path}/{{chat_id}}/stop",
        stop_answer,
        methods=["POST"],
        status_code=202,
        summary="Stop the answer that is being written; what it has is kept",
        response_model=Stopping,
        name=f"stop_{_name}answer",
        dependencies=[NeedsStore],
    )


async def _nothing(stream: OpenStream) -> None:
    """What one stream too many gets; it is told to come again."""


def _named(caller: Caller, request: Request, user_id: str | None) -> Caller:
    """The caller, under the user of the body where no header names one."""
    user = (user_id or "").strip()
    return caller.named(user) if user and "x-user-id" not in request.headers else caller
