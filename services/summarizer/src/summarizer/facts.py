"""What is durable about a run's report, read from the store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.contracts.conversations import Conversation
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import conversation_id
from shared.contracts.judgement import Judgement
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, Usage
from shared.contracts.words import EndedReason, EntryKind, Purpose, Stage
from shared.ending import total_usage
from shared.errors import NotYet, UnknownRun
from shared.storage import Store
from summarizer.material import Material, Played

STAGES = tuple(Stage)

Booked = TypeVar("Booked", Generation, UsageRow)


async def read_material(store: Store, run: Run) -> tuple[Material, dict[str | None, Generation]]:
    """A run whose conversations are all counted, and its report's own generations by stage.

    A retry's material holds what its parent keeps, too. Raises NotYet, UnknownRun.
    """
    own = await _read(store, run)
    conversations = sorted((*own.conversations, *await _kept(store, run)), key=lambda one: one.index)
    usage = total_usage(own.entries, own.generations, own.rows)
    report = [one for one in own.generations if one.purpose is Purpose.REPORT and one.pass_number == 0]
    return Material(run, tuple(conversations), usage), {one.stage: one for one in report}


async def _kept(store: Store, run: Run) -> list[Played]:
    """What the run a retry plays again keeps: all that did not end by error, back to the first run. Paid for there."""
    kept: list[Played] = []
    while run.settings.retried and run.parent is not None:
        parent = await store.runs.get(run.parent)
        if parent is None:
            raise UnknownRun(run.parent)
        played = (await _read(store, parent)).conversations
        kept += [replace(one, usage=Usage()) for one in played if not one.errored]
        run = parent
    return kept


@dataclass(frozen=True, slots=True)
class _Read:
    """A run's own conversations, and all that was booked for it."""

    conversations: tuple[Played, ...]
    entries: list[Entry]
    generations: list[Generation]
    rows: list[UsageRow]


async def _read(store: Store, run: Run) -> _Read:
    ids = [conversation_id(run.id, index) for index in range(1, run.total + 1)]
    stored = {one.id: one for one in await store.conversations.of_run(run.id)}
    transcripts = await store.entries.of_conversations(ids)
    generations = await store.generations.of_run(run.id)
    rows = await store.usage.of_run(run.id)
    by_conversation, row_by_conversation = _grouped(generations), _grouped(rows)
    played = tuple(
        _played(run, index, transcripts[name], stored.get(name), by_conversation[name], row_by_conversation[name])
        for index, name in enumerate(ids, 1)
    )
    entries = [entry for transcript in transcripts.values() for entry in transcript]
    return _Read(played, entries, generations, rows)


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
) -> Played:
    ended = _ended(conversation_id(run.id, index), entries)
    reason = EndedReason(str(ended.ended_reason))
    return Played(
        id=ended.conversation_id,
        index=run.settings.played_as(index),
        messages=tuple(entry for entry in entries if entry.kind is EntryKind.MESSAGE),
        ended_reason=reason,
        ended_at=ended.created_at,
        goal_reached=reason is EndedReason.GOAL if run.settings.conversation(index).judged else None,
        decided_by=ended.decided_by,
        judgement=_last_judgement(generations),
        usage=total_usage(list(entries), generations, rows),
        tags=stored.tags if stored else (),
    )


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
