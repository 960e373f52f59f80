"""What is durable about a conversation, as a look has it: read here, or proven by its trigger (proofs.py)."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.conversation_facts import AgentMessage, ConversationFacts, Ended, JudgeAnswer
from orchestrator.spending import results_spent, spent_figures, total
from shared.contracts.enums import EntryKind, Purpose, Side, Stage
from shared.contracts.generations import Generation, substituted
from shared.contracts.judgement import Judgement
from shared.contracts.settings import ConversationSettings
from shared.contracts.transcript import Entry, Failure, Usage, fold
from shared.contracts.work import GenerationStored
from shared.errors import NotYet
from shared.storage import Store
from shared.storage.accounts import Spent

KEPT_VERBATIM = 3


@dataclass(frozen=True, slots=True)
class ConversationSnapshot:
    """Facts for `decide`, and what the effects need beside them.

    `last` is the last message whose fact the trigger does not prove to be out; `judgements` are those that may not
    be out. `cause_at` is when the newest entry was made: the cause of what is owed next. `end` is the `ended`, and
    `usage` all that the conversation cost; both are there only where they are known. `only` is what the one message
    cost that was ever asked for, where the trigger proves that it was the only one. `question` is the message that an
    answer is owed to, where the trigger brought it. `substituted` says that another model spoke, or is known to have
    judged, than its run had resolved.
    """

    facts: ConversationFacts
    clock_started_at: datetime
    cause_at: datetime
    spent: tuple[Spent, ...] = ()
    last: Entry | None = None
    judgements: tuple[tuple[Judgement, datetime], ...] = ()
    end: Entry | None = None
    usage: Usage | None = None
    only: Usage | None = None
    question: Entry | None = None
    substituted: bool = False


async def read_everything(
    store: Store, conversation: str, settings: ConversationSettings, purpose: Purpose, memory_starts: int
) -> ConversationSnapshot:
    """Everything that is durable about a conversation. Raises NotYet where it has not begun or has a hole."""
    # Facts only grow, so it does not matter which of them is read first.
    stored, entries, generations, rows = await asyncio.gather(
        store.conversations.get(conversation),
        store.entries.heads(conversation),
        store.generations.of_conversation(conversation),
        store.usage.of_conversation(conversation),
    )
    if stored is None:
        raise NotYet(f"conversation {conversation} has not begun")
    snapshot = _snapshot(settings, purpose, stored.clock_started_at, entries, generations, memory_starts)
    cause_at = entries[-1].created_at if entries else stored.started_at
    spent = spent_figures(entries, generations, rows)
    return replace(snapshot, cause_at=cause_at, spent=spent, usage=total(spent))


async def read_after_done(
    store: Store, done: GenerationStored, settings: ConversationSettings, purpose: Purpose, memory_starts: int
) -> ConversationSnapshot | None:
    """The transcript and what judges said of it, for a first-delivered done that proves the rest; None if it does not.

    A first attempt's done proves when the conversation began, and that nothing else was spent on its generation: what
    was spent on others is settled by the looks that their dones trigger. Raises NotYet where there is a hole.
    """
    if not done.first or done.conversation_id is None or done.conversation_started_at is None:
        return None
    entries, generations = await asyncio.gather(
        store.entries.heads(done.conversation_id), store.generations.of_conversation(done.conversation_id)
    )
    return _snapshot(settings, purpose, done.conversation_started_at, entries, generations, memory_starts)


def _snapshot(
    settings: ConversationSettings,
    purpose: Purpose,
    clock_started_at: datetime,
    entries: list[Entry],
    generations: list[Generation],
    memory_starts: int,
) -> ConversationSnapshot:
    if [entry.seq for entry in entries] != list(range(1, len(entries) + 1)):
        raise NotYet(f"a whole transcript: it holds {[entry.seq for entry in entries]}")
    messages = [entry for entry in entries if entry.kind is EntryKind.MESSAGE]
    facts = ConversationFacts(
        settings=settings,
        messages=sum(entry.kind is not EntryKind.ENDED for entry in entries),
        purpose=purpose,
        ended=_ended(entries),
        agent_messages=_agent_messages(messages, generations),
        failures=_failures(purpose, generations),
    )
    if purpose is Purpose.CHAT:
        facts = _of_chat(facts, fold(entries), generations, memory_starts)
    return ConversationSnapshot(
        facts,
        clock_started_at=clock_started_at,
        cause_at=entries[-1].created_at if entries else clock_started_at,
        spent=results_spent(entries, generations),
        last=messages[-1] if messages else None,
        judgements=_unproven_judgements(generations),
        substituted=substituted(entries, generations),
        end=next((entry for entry in entries if entry.kind is EntryKind.ENDED), None),
    )


def _of_chat(
    facts: ConversationFacts, counting: list[Entry], generations: list[Generation], memory_starts: int
) -> ConversationFacts:
    """The facts with what only a chat has: who is to answer, and what is to be summed up."""
    unanswered = bool(counting) and counting[-1].side is Side.OPPONENT
    return replace(facts, unanswered=unanswered, memory_due=_memory_due(counting, generations, memory_starts))


def _memory_due(counting: list[Entry], generations: list[Generation], memory_starts: int) -> int | None:
    """The last message to be summed up: the last answer took too many tokens, and no memory reaches so far."""
    while counting and counting[-1].side is Side.OPPONENT:
        counting = counting[:-1]
    if len(counting) <= KEPT_VERBATIM:
        return None
    took = counting[-1].usage
    last = counting[-1 - KEPT_VERBATIM].seq
    reached = max((one.seq for one in generations if one.purpose is Purpose.MEMORY), default=0)
    return last if took.prompt_tokens + took.completion_tokens > memory_starts and last > reached else None


def _ended(entries: list[Entry]) -> Ended | None:
    for entry in entries:
        if entry.kind is EntryKind.ENDED and entry.ended_reason is not None:
            return Ended(entry.seq, entry.ended_reason, entry.decided_by)
    return None


def _agent_messages(messages: list[Entry], generations: list[Generation]) -> tuple[AgentMessage, ...]:
    """Agent messages with what judges answered; of inherited ones only the last agent message is judged."""
    answers: dict[int, dict[Stage, JudgeAnswer]] = {}
    for generation in _judges(generations):
        stages = answers.setdefault(generation.seq, {})
        failed = generation.failure is not None
        stages[Stage(str(generation.stage))] = JudgeAnswer(generation.judgement, failed)
    agent = [entry for entry in messages if entry.side is Side.AGENT]
    return tuple(
        AgentMessage(entry.seq, entry.finding, answers.get(entry.seq, {}))
        for entry in agent
        if not entry.inherited or entry is agent[-1]
    )


def _judges(generations: list[Generation]) -> list[Generation]:
    """Judges of the first pass: a re-judge never ends anything."""
    return [one for one in generations if one.purpose is Purpose.JUDGE and one.pass_number == 0]


def _failures(purpose: Purpose, generations: list[Generation]) -> dict[int, Failure]:
    return {
        generation.seq: generation.failure
        for generation in generations
        if generation.purpose is purpose and generation.failure is not None
    }


def _unproven_judgements(generations: list[Generation]) -> tuple[tuple[Judgement, datetime], ...]:
    """The newest message's judgements, whose facts may not be out."""
    judged = [one for one in _judges(generations) if one.judgement is not None]
    newest = max((one.seq for one in judged), default=0)
    return tuple((one.judgement, one.created_at) for one in judged if one.seq == newest and one.judgement)
