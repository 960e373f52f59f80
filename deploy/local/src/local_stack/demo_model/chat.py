"""A path at which models are asked, as a plain ASGI application: nothing stands between a chunk and the socket."""

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from local_stack.demo_model.answers import REFUSAL, answer, cut
from local_stack.demo_model.client_watch import ClientWatch, Receive
from local_stack.demo_model.delivery import Delivery, Pace, Send
from local_stack.demo_model.dialects.dialect import Dialect
from local_stack.demo_model.errors import ApiError, BodyTooLarge, BodyTooSlow, FaultOnRequest, MissingKey
from local_stack.demo_model.faults import Fault
from local_stack.demo_model.ledger import ABORTED
from local_stack.demo_model.pieces import Pieces
from local_stack.demo_model.requests import ChatRequest
from local_stack.demo_model.state import State

BODY_LIMIT: Final = 8_000_000
BODY_SECONDS: Final = 30.0


class Answers:
    """Answers in a dialect. Requests that are refused (400, 401, 404) are no calls: the ledger omits them."""

    def __init__(self, state: State, dialect: Dialect) -> None:
        self._state = state
        self._dialect = dialect

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            await self._answer(headers, receive, send)
        except ApiError as error:
            await self._refuse(send, error)

    async def _answer(self, headers: dict[bytes, str], receive: Receive, send: Send) -> None:
        check_key(self._state.settings.require_key, self._dialect, headers)
        body = await _read_body(receive)
        if body is None:
            return
        request = self._dialect.request(headers, body)
        fault = self._state.faults.choose(request, headers.get(b"x-demo-fault"), self._state.control)
        if fault is not None and fault.status is not None:
            await self._fail(request, fault, fault.status, send)
        else:
            await self._deliver(request, fault, receive, send)

    async def _fail(self, request: ChatRequest, fault: Fault, status: int, send: Send) -> None:
        ledger = self._state.ledger
        call = ledger.start(request)
        try:
            await self._refuse(send, FaultOnRequest(status, request.model), fault.retry_after)
        finally:
            ledger.end(call, f"fault:{fault.label}")

    async def _deliver(self, request: ChatRequest, fault: Fault | None, receive: Receive, send: Send) -> None:
        ledger = self._state.ledger
        call = ledger.start(request)
        outcome = ABORTED
        try:
            pieces, finish_reason = self._pieces(request, fault)
            pace = Pace.of(self._state.control, request.base_model)
            async with ClientWatch(receive) as watch:
                writer = self._dialect.writer(call, request)
                delivery = Delivery(writer, call, fault, pieces, finish_reason, pace, send, watch)
                outcome = await delivery.run()
        finally:
            ledger.end(call, outcome)

    def _pieces(self, request: ChatRequest, fault: Fault | None) -> tuple[Pieces, str]:
        if fault is not None and fault.kind in ("refuse", "empty"):
            return cut(REFUSAL if fault.kind == "refuse" else "", request.wanted.max_tokens, request.wanted.stop)
        return answer(request, self._state.settings.seed)

    async def _refuse(self, send: Send, error: ApiError, retry_after: float | None = None) -> None:
        status, body, retry_after = self._dialect.refusal(error, retry_after)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if retry_after is not None:
            headers.append((b"retry-after", f"{retry_after:g}".encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def check_key(required: str | None, dialect: Dialect, headers: Mapping[bytes, str]) -> None:
    """Raises `MissingKey` unless the request holds the key that the server was started with, if any."""
    header, prefix = dialect.key_header, dialect.key_prefix
    if required is not None and headers.get(header) != prefix + required:
        raise MissingKey(f"{header.decode().title()}: {prefix}KEY")


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None if the client went away meanwhile."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_LIMIT:
                    raise BodyTooLarge(BODY_LIMIT)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as error:
        raise BodyTooSlow(BODY_SECONDS) from error
