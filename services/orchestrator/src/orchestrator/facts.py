"""What is durable about a conversation, read or proven by the trigger."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.decide import AgentMessage, ConversationFacts, Ended, JudgeAnswer
from shared.contracts.enums import EntryKind, Purpose, Side, Stage
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import conversation_index, run_of
from shared.contracts.judgement import Judgement
from shared.contracts.kinds import KINDS
from shared.contracts.settings import ConversationSettings, RunSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Failure, Usage, fold
from shared.contracts.work import GenerationStored, RunCommanded
from shared.errors import NotYet, UnknownRun
from shared.storage import Store
from shared.storage.accounts import Spent
from shared.storage.kept_assignments import Assignment

KEPT_VERBATIM = 3


@dataclass(frozen=True, slots=True)
class ConversationSnapshot:
    """Facts for `decide`, and what the effects need beside them.

    `last` is the last message whose fact the trigger does not prove to be out; `judgements` are those that may not
    be out. `cause_at` is when the newest entry was made: the cause of what is owed next. `end` is the `ended`, and
    `usage` all that the conversation cost; both are there only where they are known. `only` is what the one message
    cost that was ever asked for, where the trigger proves that it was the only one. `question` is the message that an
    answer is owed to, where the trigger brought it.
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


async def settings_of(store: Store, conversation: str) -> tuple[ConversationSettings, Purpose]:
    """A conversation's settings and the purpose of its messages. Raises UnknownRun."""
    settings = await run_settings(store, run_of(conversation))
    return settings.conversation(conversation_index(conversation)), KINDS[settings.kind].purpose


async def run_settings(store: Store, run_id: str) -> RunSettings:
    """What a run was asked to do. Raises UnknownRun."""
    return (await _assignment(store, run_id)).settings


async def tenant_of(store: Store, run_id: str) -> str:
    """Whose everything is that is stored of a run. Raises UnknownRun."""
    return (await _assignment(store, run_id)).owner.tenant


async def _assignment(store: Store, run_id: str) -> Assignment:
    assignment = await store.runs.assignment(run_id)
    if assignment is None:
        raise UnknownRun(run_id)
    return assignment


def at_start(settings: ConversationSettings, purpose: Purpose, clock_started_at: datetime) -> ConversationSnapshot:
    """A conversation that this very look has begun: its given messages, and nothing else."""
    agent_seqs = [seq for seq, given in enumerate(settings.given, 1) if given.side is Side.AGENT]
    facts = ConversationFacts(
        settings=settings,
        messages=len(settings.given),
        purpose=purpose,
        agent_messages=tuple(AgentMessage(seq) for seq in agent_seqs[-1:]),
        unanswered=purpose is Purpose.CHAT and settings.given[-1:] != () and settings.given[-1].side is Side.OPPONENT,
    )
    return ConversationSnapshot(facts, clock_started_at, now())


def proven_by_command(
    command: RunCommanded, settings: ConversationSettings, purpose: Purpose
) -> ConversationSnapshot | None:
    """The facts a first-delivered command of a chat's message proves by itself; None where it proves none."""
    if command.message_seq is None or command.stored_at is None or purpose is not Purpose.CHAT:
        return None
    facts = ConversationFacts(settings=settings, messages=command.message_seq, purpose=purpose, unanswered=True)
    # A chat has no end for its clock to come to: any moment will do.
    return ConversationSnapshot(
        facts, clock_started_at=command.stored_at, cause_at=command.stored_at, question=command.question
    )


def proven_by_done(
    done: GenerationStored, settings: ConversationSettings, purpose: Purpose, memory_starts: int
) -> ConversationSnapshot | None:
    """The facts a first-delivered done proves by itself; None where more must be read.

    Message n of a first attempt proves that 1..n stand and are out, that what came before it is settled, and that
    nothing but messages was paid for since (late rows are settled by the look that reads them). It does not tell what
    judges say, so where messages are judged it suffices only for a message no judge has seen yet: the agent's own.
    Nor does it tell what of a chat is summed up already, where its prompt has grown beyond `memory_starts` tokens.
    """
    if not done.first or done.failure or done.transcript_usage is None or done.stored_at is None:
        return None
    if done.purpose is not purpose or done.conversation_started_at is None:
        return None
    if purpose is Purpose.CHAT and done.context_tokens > memory_starts:
        return None
    side = done.side or settings.side_of(done.seq)
    earlier_agent_message = done.seq > 1 and side is Side.OPPONENT
    if settings.judged and earlier_agent_message:
        return None
    spoken = (AgentMessage(done.seq, done.finding),) if side is Side.AGENT else ()
    facts = ConversationFacts(settings=settings, messages=done.seq, purpose=purpose, agent_messages=spoken)
    return ConversationSnapshot(
        facts,
        clock_started_at=done.conversation_started_at,
        cause_at=done.stored_at,
        spent=(Spent("turn", done.transcript_usage),),
        only=done.transcript_usage if done.seq == len(settings.given) + 1 else None,
    )


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


def spent_figures(entries: list[Entry], generations: list[Generation], rows: list[UsageRow]) -> tuple[Spent, ...]:
    """What a conversation has spent so far, part by part, as absolute figures."""
    counted = {entry.attempt for entry in entries} | {generation.attempt for generation in generations}
    others = [row.usage for row in rows if row.id not in counted]
    return (*results_spent(entries, generations), Spent("other", sum(others, Usage())))


def total(spent: tuple[Spent, ...]) -> Usage:
    """The sum of a conversation's parts."""
    return sum((figure.usage for figure in spent), Usage())


def results_spent(entries: list[Entry], generations: list[Generation]) -> tuple[Spent, ...]:
    """What a conversation's results have cost so far."""
    return (
        Spent("turn", sum((entry.usage for entry in entries), Usage())),
        Spent("judge", sum((generation.usage for generation in generations), Usage())),
    )


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
