"""The conversations of a run as lists show them."""

from gateway.schemas.answers import ConversationItem, ConversationPage, ConversationStatus
from shared.contracts.conversations import Conversation
from shared.contracts.endings import ENDINGS
from shared.contracts.enums import EntryKind
from shared.contracts.money import to_usd
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.storage.owned import OwnedStore


async def conversation_page(
    store: OwnedStore, run: Run, after_index: int, status: ConversationStatus | None, limit: int
) -> ConversationPage:
    """A page of a run's conversations by index, those that have not begun included."""
    begun = {one.index: one for one in await store.conversations(run).all(after_index)}
    items = [_item(run, index, begun.get(index)) for index in range(after_index + 1, run.total + 1)]
    chosen = [item for item in items if status in (None, item.status)]
    shown = chosen[:limit]
    running = [item.id for item in shown if item.status == "running"]
    transcripts = await store.entries(run).heads_of(running) if running else {}
    return ConversationPage(
        items=[_counted(item, transcripts.get(item.id)) for item in shown],
        next_cursor=shown[-1].id if len(chosen) > limit else None,
    )


def _item(run: Run, index: int, conversation: Conversation | None) -> ConversationItem:
    identity = run.conversation_id(index)
    if conversation is None:
        return ConversationItem(id=identity, index=index, status="canceled" if run.terminal else "queued")
    reason = conversation.ended_reason
    return ConversationItem(
        id=identity,
        index=index,
        status="running" if reason is None else ENDINGS[reason].status,
        goal_reached=conversation.goal_reached,
        ended_reason=reason,
        messages=conversation.messages,
        cost_usd=to_usd(conversation.usage.cost_nanos),
        tags=conversation.tags,
        substituted=conversation.substituted,
    )


def _counted(item: ConversationItem, transcript: list[Entry] | None) -> ConversationItem:
    """A running conversation's totals are not set yet: its messages so far are counted."""
    if transcript is None:
        return item
    messages = [entry for entry in transcript if entry.kind is EntryKind.MESSAGE]
    cost = sum(entry.usage.cost_nanos for entry in messages)
    return item.model_copy(update={"messages": len(messages), "cost_usd": to_usd(cost)})
