"""A report of many conversations: each is read once, some at a time, and again only the texts of what is shown."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from integration.summarizer.world import World, draft, read_material, serving, world
from shared.contracts.enums import EndedReason, EntryKind
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry
from shared.routing.report_sizes import SHOWN_AT_MOST
from shared.storage.entries import Entries
from summarizer.facts import READ_TOGETHER, with_texts
from unit.summarizer.played_runs import RUN, message, run_of

CONVERSATIONS = 240
TEXT = "I would like my money back, please. "


class Reads:
    """Which transcripts are read whole, in which pages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages: list[list[str]] = []
        read = Entries.of_conversations

        async def counted(entries: Entries, conversations: Sequence[str]) -> dict[str, list[Entry]]:
            self.pages.append(list(conversations))
            return await read(entries, conversations)

        monkeypatch.setattr(Entries, "of_conversations", counted)

    def times(self, conversation: str) -> int:
        return sum(conversation in page for page in self.pages)


@pytest.fixture
async def here(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made:
        run = run_of(CONVERSATIONS)
        await made.store.runs.insert(run)
        for index in range(1, CONVERSATIONS + 1):
            await made.store.entries.insert_in_order(transcript(index))
        yield made


def transcript(index: int) -> list[Entry]:
    said = [message(index, seq, f"{seq}: {TEXT}", latency_ms=100) for seq in range(1, 9)]
    ended: dict[str, Any] = {"conversation_id": f"{RUN}-{index}", "run_id": RUN, "tenant": "default", "seq": 9}
    return [
        *said,
        Entry(kind=EntryKind.ENDED, created_at=now(), ended_reason=EndedReason.LIMIT, **ended),
    ]


async def test_what_is_held_of_a_run_has_no_texts(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(monkeypatch)
    material, _ = await read_material(here.store, run_of(CONVERSATIONS))
    assert [len(page) for page in reads.pages] == [READ_TOGETHER] * 9 + [CONVERSATIONS - 9 * READ_TOGETHER]
    assert all(one.messages == () for one in material.conversations)
    assert {(one.length, len(one.answers)) for one in material.conversations} == {(8, 4)}
    whole = await with_texts(here.store, material, {f"{RUN}-3"})
    assert [one.index for one in whole.conversations if one.messages] == [3]


async def test_a_report_reads_each_conversation_once_and_again_what_it_shows(
    here: World, fresh_nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    here.answers = {None: draft(), "condense": "It never confirms."}
    async with serving(here, fresh_nats_url):
        await here.ask()
        run = await here.ended()
    report = await here.store.reports.get(RUN)
    assert report is not None
    assert (run.report_ready, report.status, report.stats.total) == (True, "ready", CONVERSATIONS)
    again = [name for name in (f"{RUN}-{index}" for index in range(1, CONVERSATIONS + 1)) if reads.times(name) > 1]
    assert 0 < len(again) <= SHOWN_AT_MOST + 1
    assert max(map(len, reads.pages)) <= SHOWN_AT_MOST + 1
