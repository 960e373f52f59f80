"""What a trigger proves of a conversation by itself, so that nothing need be read."""

from datetime import datetime

from orchestrator.conversation_facts import AgentMessage, ConversationFacts
from orchestrator.snapshots import ConversationSnapshot
from shared.contracts.enums import Purpose, Side
from shared.contracts.settings import ConversationSettings
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationStored, RunCommanded
from shared.storage.accounts import Spent


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
        substituted=done.substituted,
        only=done.transcript_usage if done.seq == len(settings.given) + 1 else None,
    )
