"""What is durable about a run's report, read from the store."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from shared.contracts.conversations import Conversation
from shared.contracts.enums import EndedReason, EntryKind, Purpose, Stage
from shared.contracts.generations import Generation, UsageRow, substituted
from shared.contracts.identity import conversation_id
from shared.contracts.judgement import Judgement
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, Usage
from shared.errors import NotYet, UnknownRun
from shared.run_endings import run_usage, total_usage
from shared.storage import Store
from summarizer.excerpts import figures_of
from summarizer.played_run import PlayedConversation, PlayedRun

STAGES = tuple(Stage)
READ_TOGETHER = 25
"""Conversations whose texts are held at once while a run is read."""

Booked = TypeVar("Booked", Generation, UsageRow)


async def read_report(
    store: Store, run: Run, conversations: tuple[PlayedConversation, ...]
) -> tuple[PlayedRun, dict[str | None, Generation]]:
    """The run with its counted conversations, what it has cost, and its report's own generations by stage.

    The last two change between looks at a report.
    """
    report = [one for one in await store.generations.of_purpose(run.id, Purpose.REPORT) if one.pass_number == 0]
    return PlayedRun(run, conversations, await run_usage(store, run)), {one.stage: one for one in report}


async def read_conversations(store: Store, run: Run) -> tuple[PlayedConversation, ...]:
    """The conversations of a run that are all counted, without their texts: they never change.

    A retry has what its parent keeps, too. Raises NotYet, UnknownRun.
    """
    own = await _read(store, run)
    return tuple(sorted((*own, *await _kept(store, run)), key=lambda one: one.index))


async def with_texts(store: Store, played: PlayedRun, shown: Collection[str]) -> PlayedRun:
    """The run with the messages of those conversations that are `shown` or quoted."""
    transcripts = await store.entries.of_conversations([one.id for one in played.conversations if one.id in shown])
    conversations = tuple(
        replace(one, messages=_messages(transcripts[one.id])) if one.id in transcripts else one
        for one in played.conversations
    )
    return replace(played, conversations=conversations)


async def _kept(store: Store, run: Run) -> list[PlayedConversation]:
    """What the run a retry plays again keeps: all that did not end by error, back to the first run. Paid for there."""
    kept: list[PlayedConversation] = []
    while run.settings.retried and run.parent is not None:
        parent = await store.runs.get(run.parent)
        if parent is None:
            raise UnknownRun(run.parent)
        kept += [replace(one, usage=Usage()) for one in await _read(store, parent) if not one.errored]
        run = parent
    return kept


async def _read(store: Store, run: Run) -> list[PlayedConversation]:
    """A run's own conversations, some at a time: of each page only what it adds up to is kept."""
    rows = _grouped(await store.usage.of_run(run.id))
    conversations: list[PlayedConversation] = []
    for first in range(1, run.total + 1, READ_TOGETHER):
        indexes = range(first, min(first + READ_TOGETHER, run.total + 1))
        conversations += await _page(store, run, indexes, rows)
    return conversations


async def _page(
    store: Store, run: Run, indexes: range, rows: Mapping[str | None, list[UsageRow]]
) -> list[PlayedConversation]:
    ids = {index: conversation_id(run.id, index) for index in indexes}
    stored = {one.index: one for one in await store.conversations.of_run(run.id, indexes[0] - 1, len(indexes))}
    transcripts = await store.entries.of_conversations(list(ids.values()))
    generations = _grouped(await store.generations.of_conversations(list(ids.values())))
    return [
        _played(run, index, transcripts[name], stored.get(index), generations[name], rows[name])
        for index, name in ids.items()
    ]


def _grouped(booked: Iterable[Booked]) -> Mapping[str | None, list[Booked]]:
    groups: defaultdict[str | None, list[Booked]] = defaultdict(list)
    for one in booked:
        groups[one.conversation_id].append(one)
    return groups


def _played(
    run: Run,
    index: int,
    entries: Sequence[Entry],
    stored: Conversation | None,
    generations: list[Generation],
    rows: list[UsageRow],
) -> PlayedConversation:
    ended = _ended(conversation_id(run.id, index), entries)
    reason = EndedReason(str(ended.ended_reason))
    return PlayedConversation(
        id=ended.conversation_id,
        index=run.settings.played_as(index),
        messages=(),
        ended_reason=reason,
        ended_at=ended.created_at,
        goal_reached=reason is EndedReason.GOAL if run.settings.conversation(index).judged else None,
        decided_by=ended.decided_by,
        judgement=_last_judgement(generations),
        usage=total_usage(list(entries), generations, rows),
        tags=stored.tags if stored else (),
        figures=figures_of(_messages(entries)),
        substituted=substituted(entries, generations),
    )


def _messages(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.kind is EntryKind.MESSAGE)


def _ended(conversation: str, entries: Sequence[Entry]) -> Entry:
    """The entry that ends a whole transcript; a counted conversation has one, or it is not readable yet."""
    whole = [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    if not whole or not entries or entries[-1].kind is not EntryKind.ENDED:
        raise NotYet(f"the end of {conversation} is not readable")
    return entries[-1]


def _last_judgement(generations: Iterable[Generation]) -> Judgement | None:
    """The judgement of the last message that has one; of its stages the deciding one."""
    made = [one for one in generations if one.purpose is Purpose.JUDGE and one.judgement is not None]
    if not made:
        return None
    return max(made, key=lambda one: (one.seq, one.pass_number, STAGES.index(Stage(str(one.stage))))).judgement
