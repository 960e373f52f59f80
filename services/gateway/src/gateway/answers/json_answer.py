"""A whole answer as one JSON object, for whoever asked for no stream."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.answers.answer_events import Answered, Closed
from gateway.answers.answer_text import ERROR, STOPPED
from gateway.answers.failures import AnswerFailed
from gateway.answers.follower import AnswerFollower
from gateway.answers.formats import AnswerContext, failure, finish_reason, input_of, metadata
from gateway.answers.reader_leases import ReaderLeases
from shared.errors import BrokerUnavailable

NOT_FOLLOWED: Final = ("unavailable", "The message is kept, but its answer cannot be waited for here: send it again.")
Left = Callable[[], Coroutine[Any, Any, object]]


class SilentWaiter:
    """Waits for an answer without writing anything."""

    def __init__(self) -> None:
        self.leaving = False
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def wait(self) -> None:
        await self._woken.wait()
        self._woken.clear()

    def leave(self) -> None:
        """Has whatever waits end itself."""
        self.leaving = True
        self.wake()


async def whole_answer(
    request: Request,
    follower: AnswerFollower,
    about: AnswerContext,
    reader_leases: ReaderLeases,
    stopping: asyncio.Event,
    headers: dict[str, str],
    left: Left,
) -> Response:
    """The answer as JSON, when it is there. Raises as `await_answer`."""
    end = await await_answer(request, follower, about.chat_id, about.seq, reader_leases, stopping, left)
    fallback = (end.message.get("provider"), end.message.get("model")) != (about.provider, about.model)
    known = {"X-Model-Name": end.message.get("model") or about.model, "X-Fallback-Used": str(fallback).lower()}
    return JSONResponse(_shown(about, end), headers=headers | known)


async def await_answer(
    request: Request,
    follower: AnswerFollower,
    run_id: str,
    seq: int,
    reader_leases: ReaderLeases,
    stopping: asyncio.Event,
    left: Left,
) -> Answered:
    """The answer when it is there. A caller that leaves stops it, where nobody else reads it here.

    Raises AnswerFailed, also where it cannot be followed here any more, and StoreUnavailable.
    """
    waiter = SilentWaiter()
    watching = [
        asyncio.create_task(_leave_when_gone(request, waiter)),
        asyncio.create_task(_leave_when_stopping(stopping, waiter)),
    ]
    end: Answered | Closed | None = None
    try:
        with reader_leases.reading(run_id):
            async with aclosing(follower.events(waiter)) as batches:
                async for batch in batches:
                    end = batch[-1] if isinstance(batch[-1], Answered | Closed) else None
    except BrokerUnavailable as error:
        raise AnswerFailed(*NOT_FOLLOWED, {"conversationId": run_id}) from error
    finally:
        for task in watching:
            task.cancel()
        # Who is sent away because this process stops will ask again.
        if end is None and not stopping.is_set() and not reader_leases.is_read(run_id):
            await left()
    if end is None:
        raise AnswerFailed(*NOT_FOLLOWED, {"conversationId": run_id})
    if isinstance(end, Closed):
        raise AnswerFailed(end.code, end.sentence, {"conversationId": run_id})
    reader_leases.finished(run_id, seq)
    if end.finish_reason == ERROR:
        raise AnswerFailed(*failure(end), {"conversationId": run_id, "seq": seq})
    return end


def _shown(about: AnswerContext, answered: Answered) -> dict[str, object]:
    calls = answered.message.get("toolCalls") or []
    return {
        "id": about.message_id,
        "conversationId": about.chat_id,
        "seq": about.seq,
        "role": "assistant",
        "content": answered.content,
        "finishReason": STOPPED if answered.finish_reason == STOPPED else finish_reason(answered),
        "toolCalls": [{"toolCallId": call["id"], "toolName": call["name"], "input": input_of(call)} for call in calls],
        **metadata(about, answered.message),
    }


async def _leave_when_gone(request: Request, waiter: SilentWaiter) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    waiter.leave()


async def _leave_when_stopping(stopping: asyncio.Event, waiter: SilentWaiter) -> None:
    await stopping.wait()
    waiter.leave()
