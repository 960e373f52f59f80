"""A page of a chat's messages: the newest ones, or those before a seq; bounded by number and by bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.chat.decide import Known, known
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.storage.owned import OwnedStore

PAGE_BYTES: Final = 1024 * 1024
"""What the messages of a page take stored: shown they take twice that, for a text is content and part.

One alone may take more, as much as a message may.
"""


@dataclass(frozen=True, slots=True)
class ChatMessages:
    """Messages that count, in order, as they stand in `chat`, of which nothing but an outline is known.

    `before` is what the page before this one is asked for by, None where there is none.
    """

    chat: Known
    messages: list[Entry]
    before: int | None


async def read_page(store: OwnedStore, run: Run, before: int | None, limit: int) -> ChatMessages:
    """The last `limit` messages at most, of those that stand before a seq where one is named."""
    outline = await store.entries(run).outline(run.id)
    sizes = {one.entry.seq: one.bytes for one in outline}
    chat = known(run, [one.entry for one in outline])
    earlier = [message for message in chat.messages if before is None or message.seq < before]
    first = _first_of(earlier, sizes, limit)
    page = earlier[first:]
    stored = {entry.seq: entry for entry in await store.entries(run).some(run.id, [one.seq for one in page])}
    # What a chat began with and the engine has not stored yet is known whole.
    messages = [stored.get(one.seq, one) for one in page]
    return ChatMessages(chat, messages, page[0].seq if first else None)


def _first_of(messages: Sequence[Entry], sizes: dict[int, int], limit: int) -> int:
    """Where the page begins that ends with the last message."""
    first, taken = len(messages), 0
    while first and len(messages) - first < limit:
        taken += sizes.get(messages[first - 1].seq, 0)
        if taken > PAGE_BYTES and first < len(messages):
            break
        first -= 1
    # What tools gave is shown within the answer that asked for it.
    if 0 < first < len(messages) and messages[first].tool_results and not messages[first].content:
        first -= 1
    return first
