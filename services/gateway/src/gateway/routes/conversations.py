"""The messages of a conversation."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from gateway.access.callers import CallerOfRequest
from gateway.access.token_callers import ReadByToken
from gateway.errors import FieldProblem, InvalidRequest
from gateway.http.head_requests import is_head
from gateway.http.paging import Limit, page_size
from gateway.runs.lookups import find_conversation
from gateway.runs.messages import LARGEST_SEQ, messages_page, read_since, wait_for_messages
from gateway.schemas.answers import MessagePage, MessagesView
from gateway.services import NeedsStore, ServicesOfApp
from shared.contracts.kinds import FOLDERS

NOUNS = {"conversations": "conversation"} | FOLDERS
LARGEST_PAGE = 1_000_000

router = APIRouter(tags=["conversations"], dependencies=[NeedsStore])

SinceSeq = Annotated[int | None, Query(ge=0, le=LARGEST_SEQ, description="Messages with a greater seq.")]
Since = Annotated[
    str | None,
    Query(
        description="A seq, or an ISO 8601 time.",
        max_length=40,
        json_schema_extra={
            "anyOf": [{"type": "string", "pattern": "^[0-9]{1,40}$"}, {"type": "string", "format": "date-time"}]
        },
    ),
]
Wait = Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds to wait for a message, 30 at most.")]
Page = Annotated[int | None, Query(ge=1, le=LARGEST_PAGE, description="Pages 1, 2, 3 ... instead of a point.")]


async def list_messages(
    conversation_id: str,
    request: Request,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    sinceSeq: SinceSeq = None,  # noqa: N803 - the name on the wire
    since: Since = None,
    wait: Wait = 0.0,
    page: Page = None,
    limit: Limit = None,
) -> MessagesView | MessagePage:
    size = page_size(services.settings, limit)
    if wait > services.settings.wait_ceiling_seconds:
        ceiling = services.settings.wait_ceiling_seconds
        raise InvalidRequest(FieldProblem("wait", f"must be at most {ceiling:g}", ceiling))
    named = read_since(since or "0")
    after = named if sinceSeq is None else sinceSeq
    store = services.store_of(caller.owner)
    run, conversation = await find_conversation(store, conversation_id)
    if page is not None:
        return await messages_page(store, run, conversation, page, size)
    seconds = 0.0 if is_head(request.scope) else wait
    return await wait_for_messages(request, store, services.streams, run, conversation, after, size, seconds)


for _folder, _noun in NOUNS.items():
    router.add_api_route(
        f"/api/{_folder}/{{conversation_id}}/messages",
        list_messages,
        methods=["GET"],
        summary="List a conversation's messages: after a point, waited for, or by page",
        response_model=MessagesView | MessagePage,
        name=f"list_{_noun}_messages",
        dependencies=[ReadByToken],
    )
