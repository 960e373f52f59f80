"""Every line of docs/protocol.md section 3, as a table."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.conversation_facts import AgentMessage, ConversationFacts, Ended, JudgeAnswer
from orchestrator.decide import (
    BUDGET_REFUSAL,
    Close,
    Effect,
    End,
    FailAnswer,
    Give,
    RequestJudge,
    RequestMemory,
    RequestMessage,
    decide,
)
from orchestrator.decide_run import (
    EndConversation,
    EndRun,
    RequestReport,
    RunEffect,
    RunFacts,
    StartConversation,
    decide_run,
)
from shared.contracts.enums import EndedReason, JudgementStatus, Purpose, Side, Stage, Wanted
from shared.contracts.judgement import Judgement
from shared.contracts.settings import ConversationSettings, GivenMessage, JudgeSettings, Participant
from shared.contracts.transcript import Failure

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAST, LATER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
SPEAKER = Participant(name="speaker", system_prompt="speak", provider="demo", model="demo-fast")
ONE_JUDGE = JudgeSettings(provider="demo", model="demo-fast")
TWO_JUDGES = ONE_JUDGE.model_copy(update={"strong_model": "demo-premium"})
FAILURE = Failure(code="provider_error", message="the provider answered 500")


def settings(judge: JudgeSettings | None = ONE_JUDGE, goal: str | None = "a refund") -> ConversationSettings:
    """Opponent at odd seqs, agent at even ones, at most six messages."""
    return ConversationSettings(agent=SPEAKER, opponent=SPEAKER, goal=goal, message_limit=6, judge=judge)


def answer(
    seq: int,
    stage: Stage = Stage.FAST,
    status: JudgementStatus = JudgementStatus.INCOMPLETE,
    confidence: float = 0.9,
) -> JudgeAnswer:
    return JudgeAnswer(Judgement(seq=seq, stage=stage, status=status, confidence=confidence))


UNPARSED, FAILED = JudgeAnswer(None), JudgeAnswer(None, failed=True)


def spoken(seq: int, finding: EndedReason | None = None, **answers: JudgeAnswer) -> AgentMessage:
    return AgentMessage(seq, finding, {Stage(name.replace("_", "-")): value for name, value in answers.items()})


def complete(seq: int, stage: Stage = Stage.FAST, confidence: float = 0.9) -> JudgeAnswer:
    return answer(seq, stage, JudgementStatus.COMPLETE, confidence)


def facts(messages: int, *agent: AgentMessage, **given: object) -> ConversationFacts:
    known: dict[str, object] = {"settings": settings(), "deadline_at": LATER} | given
    return ConversationFacts(messages=messages, agent_messages=agent, **known)  # type: ignore[arg-type]


def chat(entries: int, **given: object) -> ConversationFacts:
    return facts(entries, purpose=Purpose.CHAT, **(UNJUDGED | given))


def opponent(seq: int) -> RequestMessage:
    return RequestMessage(seq, Side.OPPONENT)


def agent(seq: int) -> RequestMessage:
    return RequestMessage(seq, Side.AGENT)


def judge(seq: int, stage: Stage = Stage.FAST) -> RequestJudge:
    return RequestJudge(seq, stage)


ENDED = Ended(3, EndedReason.GOAL, 2)
UNJUDGED = {"settings": settings(judge=None)}
TWO_STAGES = {"settings": settings(judge=TWO_JUDGES)}

GIVEN = (GivenMessage(side=Side.OPPONENT, content="hello"), GivenMessage(side=Side.AGENT, content="hello"))
HALF_GIVEN = {"settings": settings().model_copy(update={"given": GIVEN})}
CANCELED = End(2, EndedReason.CANCELED)

TABLE: list[tuple[str, ConversationFacts, tuple[Effect, ...]]] = [
    ("given messages that are missing come before anything is said", facts(1, **HALF_GIVEN), (Give(2),)),
    ("given messages: not where a cancel is wanted", facts(1, wanted=Wanted.CANCEL, **HALF_GIVEN), (CANCELED,)),
    ("1: ended owes only its closing effects", facts(2, ended=ENDED, wanted=Wanted.CANCEL), (Close(ENDED),)),
    ("1: even where the goal is confirmed", facts(2, spoken(2, fast=complete(2)), ended=ENDED), (Close(ENDED),)),
    (
        "2: a confirming judgement ends with the message judged",
        facts(3, spoken(2, fast=complete(2))),
        (End(4, EndedReason.GOAL, 2),),
    ),
    (
        "2: before a wanted cancel",
        facts(3, spoken(2, fast=complete(2)), wanted=Wanted.CANCEL),
        (End(4, EndedReason.GOAL, 2),),
    ),
    ("2: not below the confidence", facts(3, spoken(2, fast=complete(2, confidence=0.5))), (agent(4),)),
    (
        "2: with two stages the fast one does not confirm",
        facts(3, spoken(2, fast=complete(2)), **TWO_STAGES),
        (judge(2, Stage.STRONG),),
    ),
    (
        "2: with two stages the strong one does",
        facts(3, spoken(2, fast=complete(2), strong=complete(2, Stage.STRONG)), **TWO_STAGES),
        (End(4, EndedReason.GOAL, 2),),
    ),
    (
        "2: a repaired judgement counts",
        facts(3, spoken(2, fast=UNPARSED, fast_repair=complete(2, Stage.FAST_REPAIR))),
        (End(4, EndedReason.GOAL, 2),),
    ),
    ("3: cancel", facts(1, wanted=Wanted.CANCEL), (End(2, EndedReason.CANCELED),)),
    (
        "3: cancel does not wait for a judgement",
        facts(2, spoken(2), wanted=Wanted.CANCEL),
        (End(3, EndedReason.CANCELED),),
    ),
    ("3: cancel of a conversation without a message", facts(0, wanted=Wanted.CANCEL), (End(1, EndedReason.CANCELED),)),
    ("4: pause owes nothing new", facts(1, wanted=Wanted.PAUSE), ()),
    ("4: not even a judge", facts(2, spoken(2), wanted=Wanted.PAUSE), ()),
    ("4: nor a timeout", facts(1, wanted=Wanted.PAUSE, deadline_at=PAST), ()),
    ("5: deadline", facts(1, deadline_at=PAST), (End(2, EndedReason.TIMEOUT),)),
    ("5: at the deadline itself", facts(1, deadline_at=NOW), (End(2, EndedReason.TIMEOUT),)),
    ("5: does not wait for a judgement", facts(2, spoken(2), deadline_at=PAST), (End(3, EndedReason.TIMEOUT),)),
    ("6: judge and opponent's reply together", facts(2, spoken(2)), (judge(2), opponent(3))),
    ("6: the agent does not speak unjudged", facts(3, spoken(2)), (judge(2),)),
    ("6: no reply past the limit", facts(6, spoken(6)), (judge(6),)),
    ("6: no reply that failed", facts(2, spoken(2), failures={3: FAILURE}), (judge(2),)),
    ("6: a reply the budget refuses waits", facts(2, spoken(2), refused=frozenset({3})), (judge(2),)),
    (
        "6: an answer that does not parse is repaired once",
        facts(3, spoken(2, fast=UNPARSED)),
        (judge(2, Stage.FAST_REPAIR),),
    ),
    ("6: only once", facts(3, spoken(2, fast=UNPARSED, fast_repair=UNPARSED)), (agent(4),)),
    ("6: a judge that failed for good is unknown", facts(3, spoken(2, fast=FAILED)), (agent(4),)),
    (
        "6: without goal and criteria nothing is judged",
        facts(2, spoken(2), settings=settings(goal=None)),
        (opponent(3),),
    ),
    (
        "6: a judge that is off judges nothing",
        facts(2, spoken(2), settings=settings(judge=ONE_JUDGE.model_copy(update={"enabled": False}))),
        (opponent(3),),
    ),
    (
        "7: a strong judge and no message",
        facts(2, spoken(2, fast=complete(2)), **TWO_STAGES),
        (judge(2, Stage.STRONG),),
    ),
    (
        "7: at the limit the strong judge is asked whatever the fast one says",
        facts(6, spoken(6, fast=answer(6)), **TWO_STAGES),
        (judge(6, Stage.STRONG),),
    ),
    (
        "7: not below the limit where the fast one says incomplete",
        facts(3, spoken(2, fast=answer(2)), **TWO_STAGES),
        (agent(4),),
    ),
    (
        "7: a strong judge that disagrees lets the conversation go on",
        facts(3, spoken(2, fast=complete(2), strong=answer(2, Stage.STRONG)), **TWO_STAGES),
        (agent(4),),
    ),
    (
        "7: a strong answer that does not parse is repaired once",
        facts(3, spoken(2, fast=complete(2), strong=UNPARSED), **TWO_STAGES),
        (judge(2, Stage.STRONG_REPAIR),),
    ),
    (
        "8: a message that failed for good",
        facts(1, failures={2: FAILURE}),
        (End(2, EndedReason.ERROR, error=FAILURE),),
    ),
    (
        "8: after the judgements due",
        facts(2, spoken(2, fast=answer(2)), failures={3: FAILURE}),
        (End(3, EndedReason.ERROR, error=FAILURE),),
    ),
    ("8: an entry outranks a failure beside it", facts(2, failures={2: FAILURE}, **UNJUDGED), (opponent(3),)),
    (
        "9: refusal",
        facts(2, spoken(2, EndedReason.REFUSAL, fast=answer(2))),
        (End(3, EndedReason.REFUSAL, 2),),
    ),
    (
        "9: repetition",
        facts(5, spoken(4, EndedReason.REPETITION, fast=answer(4))),
        (End(6, EndedReason.REPETITION, 4),),
    ),
    ("9: waits for the judgement", facts(2, spoken(2, EndedReason.REFUSAL)), (judge(2), opponent(3))),
    ("10: limit", facts(6, spoken(6, fast=answer(6))), (End(7, EndedReason.LIMIT),)),
    ("10: without a judge", facts(6, spoken(6), **UNJUDGED), (End(7, EndedReason.LIMIT),)),
    ("11: the opponent opens", facts(0), (opponent(1),)),
    ("11: the agent answers", facts(1), (agent(2),)),
    ("11: the next agent message once judged", facts(3, spoken(2, fast=answer(2))), (agent(4),)),
    (
        "11: refused by the budget with no judgement due",
        facts(1, refused=frozenset({2})),
        (End(2, EndedReason.BUDGET),),
    ),
    ("chat: an unanswered message is owed an answer", chat(1, unanswered=True), (agent(2),)),
    ("chat: an answered one is owed nothing", chat(2), ()),
    ("chat: has no limit", chat(7, unanswered=True), (agent(8),)),
    ("chat: who speaks does not follow from the number of entries", chat(2, unanswered=True), (agent(3),)),
    (
        "chat: refused by the budget, an answer says so",
        chat(1, unanswered=True, refused=frozenset({2})),
        (FailAnswer(2, BUDGET_REFUSAL),),
    ),
    (
        "chat: failed for good, an answer says so",
        chat(1, unanswered=True, failures={2: FAILURE}),
        (FailAnswer(2, FAILURE),),
    ),
    ("chat: what has grown too long is summed up", chat(8, memory_due=5), (RequestMemory(5),)),
    (
        "chat: the answer does not wait for the summary",
        chat(9, unanswered=True, memory_due=5),
        (agent(10), RequestMemory(5)),
    ),
    ("chat: a cancel ends it", chat(1, unanswered=True, wanted=Wanted.CANCEL), (End(2, EndedReason.CANCELED),)),
]


@pytest.mark.parametrize(("known", "owed"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_conversation_is_owed(known: ConversationFacts, owed: tuple[Effect, ...]) -> None:
    assert decide(known, NOW) == owed


def test_deciding_twice_owes_the_same() -> None:
    known = facts(2, spoken(2))
    assert decide(known, NOW) == decide(known, NOW)


def run(**given: object) -> RunFacts:
    known: dict[str, object] = {
        "total": 5,
        "concurrency": 2,
        "ended": (),
        "wanted": Wanted.RUN,
        "deadline_at": LATER,
        "reported": True,
    }
    return RunFacts(**(known | given))  # type: ignore[arg-type]


def starts(*indexes: int) -> tuple[RunEffect, ...]:
    return tuple(StartConversation(index) for index in indexes)


def endings(reason: EndedReason, *indexes: int) -> tuple[RunEffect, ...]:
    return tuple(EndConversation(index, reason) for index in indexes)


RUN_TABLE: list[tuple[str, RunFacts, tuple[RunEffect, ...]]] = [
    ("the first `concurrency` at the start", run(), starts(1, 2)),
    ("never more than there are", run(total=1), starts(1)),
    ("one more for each position, whoever ended", run(ended=(2,)), starts(1, 3)),
    ("a count owes the start at its own position", run(ended=(2, 1), position=2), starts(4)),
    ("a count repeated later owes the same start", run(ended=(2, 1, 3), position=2), starts(4)),
    ("the last counts start nothing", run(ended=(2, 1, 3, 4), position=4), ()),
    ("a start that ended meanwhile is not owed", run(ended=(2, 4), position=2), ()),
    ("pause starts nothing", run(ended=(1,), wanted=Wanted.PAUSE), ()),
    ("pause outlives the deadline", run(wanted=Wanted.PAUSE, deadline_at=PAST), ()),
    (
        "cancel ends every index, begun or not",
        run(ended=(2,), wanted=Wanted.CANCEL),
        endings(EndedReason.CANCELED, 1, 3, 4, 5),
    ),
    ("a count under cancel leaves endings to the command", run(ended=(2,), wanted=Wanted.CANCEL, position=1), ()),
    ("deadline ends every index", run(ended=(1, 2, 3), deadline_at=PAST), endings(EndedReason.TIMEOUT, 4, 5)),
    ("all counted owes the report", run(ended=(2, 1, 3, 5, 4)), (RequestReport(),)),
    ("also when cancelled", run(ended=(2, 1, 3, 5, 4), wanted=Wanted.CANCEL), (RequestReport(),)),
    ("a kind without a report ends", run(total=1, ended=(1,), reported=False), (EndRun(),)),
]


@pytest.mark.parametrize(("known", "owed"), [row[1:] for row in RUN_TABLE], ids=[row[0] for row in RUN_TABLE])
def test_a_run_is_owed(known: RunFacts, owed: tuple[RunEffect, ...]) -> None:
    assert decide_run(known, NOW) == owed


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (2, 1, 4, 3, 5), (2, 3, 4, 5, 1)])
def test_every_conversation_is_started_once_whatever_the_order_of_ends(order: tuple[int, ...]) -> None:
    started = list(decide_run(run(), NOW))
    for position in range(1, len(order)):
        started += decide_run(run(ended=order[:position], position=position), NOW)
    assert sorted(effect.index for effect in started if isinstance(effect, StartConversation)) == [1, 2, 3, 4, 5]
