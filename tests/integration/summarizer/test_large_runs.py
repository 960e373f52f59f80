"""A report of many conversations: each is read once, some at a time, and again only the texts of what is shown."""

from collections.abc import Sequence

import pytest

from shared.contracts.transcript import Entry
from shared.routing.report_sizes import SHOWN_AT_MOST
from shared.storage.entries import Entries
from summarizer.facts import READ_TOGETHER, with_texts
from support.builders import ended
from support.workers.finished_run import FinishedRun, read_material
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
async def here(finished: FinishedRun) -> FinishedRun:
    await finished.store.runs.insert(run_of(CONVERSATIONS))
    for index in range(1, CONVERSATIONS + 1):
        await finished.store.entries.insert_in_order(transcript(index))
    return finished


def transcript(index: int) -> list[Entry]:
    said = [message(index, seq, f"{seq}: {TEXT}", latency_ms=100) for seq in range(1, 9)]
    return [*said, ended(f"{RUN}-{index}", 9)]


async def test_what_is_held_of_a_run_has_no_texts(here: FinishedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(monkeypatch)
    material, _ = await read_material(here.store, run_of(CONVERSATIONS))
    assert [len(page) for page in reads.pages] == [READ_TOGETHER] * 9 + [CONVERSATIONS - 9 * READ_TOGETHER]
    assert all(one.messages == () for one in material.conversations)
    assert {(one.length, len(one.answers)) for one in material.conversations} == {(8, 4)}
    whole = await with_texts(here.store, material, {f"{RUN}-3"})
    assert [one.index for one in whole.conversations if one.messages] == [3]


async def test_a_report_reads_each_conversation_once_and_again_what_it_shows(
    here: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    here.answers["condense"] = "It never confirms."
    async with here.served():
        await here.ask()
        run = await here.ended()
    report = await here.report()
    assert (run.report_ready, report.status, report.stats.total) == (True, "ready", CONVERSATIONS)
    again = [name for name in (f"{RUN}-{index}" for index in range(1, CONVERSATIONS + 1)) if reads.times(name) > 1]
    assert 0 < len(again) <= SHOWN_AT_MOST + 1
    assert max(map(len, reads.pages)) <= SHOWN_AT_MOST + 1
