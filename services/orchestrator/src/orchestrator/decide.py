"""What a conversation is owed. Pure: no broker, no store, no clock of its own.

This is the heart of the engine, docs/protocol.md section 3 line by line. A trigger never says what to do, only
where to look; a look gathers facts, asks here what is owed, and performs the answer in order. Every effect can be
repeated, facts only grow, so acting on an old picture repeats an effect at worst.

A conversation whose entries are 1..n, the first line that applies wins:

     1  `ended` is there                                   its closing effects, nothing else
     2  a judgement confirms the goal                      end `goal`, decided by the message judged
     3  wanted: cancel                                     end `canceled`
     4  wanted: pause                                      nothing new
     5  a deadline has passed                              end `timeout`
        a given message is missing (its look died)         the given messages
     6  last agent message has no fast judgement           a fast judge, and the opponent's reply meanwhile
     7  a complete fast judgement has no strong one        a strong judge, and no message
     8  the next message has failed for good               end `error`
     9  an agent message refuses or repeats itself         end `refusal` / `repetition`
    10  n = message limit                                  end `limit`
    11  otherwise                                          message n + 1

Only the opponent's reply is speculative: it runs while the agent's message is judged. The next agent message, and
every ending but cancel and timeout, wait for the judgements that are due.

In a chat, where rewinds are entries too and nobody's turn follows from the number of entries, lines 6 to 11 are:

        a person's message is the last one that counts     its answer, n + 1; an answer that says why there is none
                                                           where its generation failed or the budget refused it
        the last answer's prompt has grown too long        a summary of all messages before it but the last three
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from orchestrator.conversation_facts import ConversationFacts, Ended
from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, Side, Stage, Wanted
from shared.contracts.transcript import Failure

BUDGET_REFUSAL = Failure(code="budget_exceeded", message="The budget of this chat does not hold another answer.")


@dataclass(frozen=True, slots=True)
class Close:
    """The closing effects of an `ended` that stands there."""

    ended: Ended


@dataclass(frozen=True, slots=True)
class End:
    """Insert `ended` at `seq`."""

    seq: int
    reason: EndedReason
    decided_by: int | None = None
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class Give:
    """The given messages from `seq` on: the look that began the conversation died before they stood."""

    seq: int


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """A job for message `seq`."""

    seq: int
    side: Side


@dataclass(frozen=True, slots=True)
class RequestJudge:
    """A job for a judge of message `seq`."""

    seq: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class RequestMemory:
    """A summary of a chat's messages up to `seq`."""

    seq: int


@dataclass(frozen=True, slots=True)
class FailAnswer:
    """An empty answer at `seq` that says why there is none: a chat is never stuck."""

    seq: int
    error: Failure


Effect = Close | End | Give | RequestMessage | RequestJudge | RequestMemory | FailAnswer


def decide(facts: ConversationFacts, now: datetime) -> tuple[Effect, ...]:
    """What the conversation is owed now, in the order in which it is to be made so."""
    if facts.ended is not None:
        return (Close(facts.ended),)
    confirmed = _confirmed(facts)
    if confirmed is not None:
        return (_end(facts, EndedReason.GOAL, confirmed),)
    if facts.wanted is Wanted.CANCEL:
        return (_end(facts, EndedReason.CANCELED),)
    if facts.wanted is Wanted.PAUSE:
        return ()
    if facts.deadline_at is not None and now >= facts.deadline_at:
        return (_end(facts, EndedReason.TIMEOUT),)
    if facts.messages < len(facts.settings.given):
        return (Give(facts.messages + 1),)
    return _spoken(facts)


def _spoken(facts: ConversationFacts) -> tuple[Effect, ...]:
    """Lines 6 to 11: nothing ends or holds the conversation from outside."""
    if facts.purpose is Purpose.CHAT:
        return tuple(_answer(facts))
    fast = _fast_judge_due(facts)
    if fast is not None:
        return (fast, *_speculative_reply(facts))
    strong = tuple(_strong_judges_due(facts))
    if strong:
        return strong
    return (_next(facts),)


def _next(facts: ConversationFacts) -> Effect:
    """Lines 8 to 11: every judgement due is in."""
    failure = facts.failures.get(facts.messages + 1)
    if failure is not None:
        return _end(facts, EndedReason.ERROR, error=failure)
    for message in facts.agent_messages:
        if message.finding is not None:
            return _end(facts, message.finding, message.seq)
    if facts.messages >= facts.settings.message_limit:
        return _end(facts, EndedReason.LIMIT)
    if facts.messages + 1 in facts.refused:
        return _end(facts, EndedReason.BUDGET)
    return _message(facts)


def _speculative_reply(facts: ConversationFacts) -> Iterator[Effect]:
    """The opponent's reply while the agent's message is judged, unless it failed or the budget refuses it."""
    seq = facts.messages + 1
    reply = facts.settings.side_of(seq) is Side.OPPONENT and seq <= facts.settings.message_limit
    if reply and seq not in facts.failures and seq not in facts.refused:
        yield _message(facts)


def _answer(facts: ConversationFacts) -> Iterator[Effect]:
    """A chat is owed an answer to an unanswered message, a memory of what has grown too long, and never an end."""
    seq = facts.messages + 1
    if facts.unanswered and seq in facts.failures:
        yield FailAnswer(seq, facts.failures[seq])
    elif facts.unanswered and seq in facts.refused:
        yield FailAnswer(seq, BUDGET_REFUSAL)
    elif facts.unanswered:
        yield RequestMessage(seq, Side.AGENT)
    if facts.memory_due is not None:
        yield RequestMemory(facts.memory_due)


def _message(facts: ConversationFacts) -> RequestMessage:
    seq = facts.messages + 1
    return RequestMessage(seq, facts.settings.side_of(seq))


def _end(
    facts: ConversationFacts, reason: EndedReason, decided_by: int | None = None, error: Failure | None = None
) -> End:
    return End(facts.messages + 1, reason, decided_by, error)


def _confirmed(facts: ConversationFacts) -> int | None:
    """The first message whose deciding judgement confirms the goal. Without a strong model the fast one decides."""
    settings = facts.settings
    if not settings.judged or settings.judge is None:
        return None
    stage = Stage.STRONG if settings.judge.two_stages else Stage.FAST
    for message in facts.agent_messages:
        judgement = message.verdict(stage)
        if judgement is not None and judgement.confirms(settings.judge.confidence):
            return message.seq
    return None


def _fast_judge_due(facts: ConversationFacts) -> RequestJudge | None:
    if not facts.settings.judged or not facts.agent_messages:
        return None
    last = facts.agent_messages[-1]
    stage = last.stage_due(Stage.FAST)
    return RequestJudge(last.seq, stage) if stage else None


def _strong_judges_due(facts: ConversationFacts) -> Iterator[RequestJudge]:
    settings = facts.settings
    if not settings.judged or settings.judge is None or not settings.judge.two_stages:
        return
    for message in facts.agent_messages:
        fast = message.verdict(Stage.FAST)
        complete = fast is not None and fast.status is JudgementStatus.COMPLETE
        final = message is facts.agent_messages[-1] and facts.messages >= settings.message_limit
        stage = message.stage_due(Stage.STRONG) if complete or final else None
        if stage is not None:
            yield RequestJudge(message.seq, stage)
