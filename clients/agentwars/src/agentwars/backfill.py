"""What a reader of the event stream missed, by polling: the same truth in the same shape, without its hints."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from agentwars.answers import Conversation, Run
from agentwars.deduplication import DeliveredFacts
from agentwars.sse import Event

if TYPE_CHECKING:
    from agentwars.client import Client

_READ_WHOLE: Final = 20  # conversations of a run whose messages are read; of larger runs only the outcomes


async def missed_events(client: "Client", run_id: str, delivered: DeliveredFacts) -> AsyncGenerator[Event, None]:
    """The facts that were not delivered, conversation by conversation, then where the run stands."""
    run = await client.run(run_id)
    for conversation in await client.conversations(run_id):
        if run.total <= _READ_WHOLE and conversation.messages > delivered.last_seq(conversation.id):
            async for message in _messages(client, conversation, delivered):
                yield message
        if conversation.ended_reason and not delivered.has_ended(conversation.id):
            yield _ended(conversation)
    yield Event("progress", _progress(run))
    if run.report_ready and not delivered.has("report.ready"):
        yield await _report(client, run_id)
    if run.terminal:
        yield Event("run.ended", run.wire() | {"type": "run.ended"})


async def _messages(
    client: "Client", conversation: Conversation, delivered: DeliveredFacts
) -> AsyncGenerator[Event, None]:
    for message in await client.messages(conversation.id, delivered.last_seq(conversation.id)):
        yield Event("message", message.wire() | {"type": "message", "conversationId": conversation.id})


def _ended(conversation: Conversation) -> Event:
    data = {
        "type": "conversation.ended",
        "conversationId": conversation.id,
        "endedReason": conversation.ended_reason,
        "goalReached": conversation.goal_reached,
        "messages": conversation.messages,
        "usage": {"costUsd": conversation.cost_usd},
    }
    return Event("conversation.ended", data)


def _progress(run: Run) -> dict[str, Any]:
    names = ("runId", "status", "progress", "total", "completed", "failed", "inProgress", "usage", "budget")
    whole = run.wire()
    return {"type": "progress"} | {name: whole[name] for name in names if name in whole}


async def _report(client: "Client", run_id: str) -> Event:
    data: dict[str, Any] = {"type": "report.ready", "runId": run_id, "status": "ready"}
    report = await client.report(run_id)
    if report is not None:
        data |= {"status": report.status, "successRate": report.stats.success_rate}
        data |= {"successInterval": report.stats.success_interval}
    return Event("report.ready", data)
