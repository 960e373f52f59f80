"""The checks of chats bite: each says nothing of a sound chat, and names what is wrong with a spoiled one."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from chaos import call_checks, chat_checks, chat_times
from chaos.chaos_log import Asked, Body, ChaosLog, Chat, Heard, Line, Strike
from chaos.checker import Check
from chaos.evidence import Evidence, RunEvidence, SilentLook
from chaos.ledger import Call
from chaos.people import EDIT, REGENERATE, SAY
from chaos.report import rows
from chaos.ui_stream_reader import DONE, hear
from shared.contracts.enums import EntryKind, RunKind, Side
from shared.contracts.money import to_usd
from shared.contracts.transcript import Entry, Usage
from support.builders import message, run

RUN = "chat"
COST = Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=15_000)
CHECKS = (
    chat_times.questions_answered,
    chat_times.answered_in_time,
    chat_times.stopped_for_a_reason,
    chat_checks.answers_follow,
    chat_checks.answers_answer,
    chat_checks.said_once,
    chat_checks.what_was_heard_stands,
    chat_checks.what_is_shown_stands,
    chat_checks.streams_make_sense,
    chat_checks.chat_accounts,
    chat_times.chats_swept_for_a_reason,
    call_checks.stops_hold,
)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _question(seq: int, text: str, identity: str) -> Entry:
    fields: Body = {"side": Side.OPPONENT, "client_message_id": identity, "usage": Usage()}
    return message(RUN, seq, text, created_at=_at(100 + seq), **fields)


def _answer(seq: int, text: str, finish_reason: str = "stop") -> Entry:
    fields: Body = {"side": Side.AGENT, "finish_reason": finish_reason, "attempt": f"a{seq}", "model": "demo-standard"}
    return message(RUN, seq, text, created_at=_at(100 + seq), **fields)


def _rewind(seq: int, to: int) -> Entry:
    fields: Body = {"kind": EntryKind.REWIND, "side": None, "content": None, "usage": Usage(), "rewind_to": to}
    return message(RUN, seq, created_at=_at(100 + seq), **fields)


def _heard(seq: int, text: str, ended: str = "finish") -> Heard:
    metadata = {
        "model": "demo-standard",
        "usage": {"promptTokens": 10, "completionTokens": 5, "totalTokens": 15},
        "costUsd": to_usd(COST.cost_nanos),
    }
    return Heard(seq=seq, chat_id=RUN, message_id=f"{RUN}:{seq}", text=text, metadata=metadata, ended=ended, done=True)


@pytest.fixture
def sound() -> Evidence:
    """One chat: asked, answered again, edited; then a message whose answer was stopped."""
    entries = [
        _question(1, "Please count to 2", "q1"),
        _answer(2, "1 2"),
        _rewind(3, 1),
        _answer(4, "1 2"),
        _rewind(5, 0),
        _question(6, "Please count to 3", "q1#6"),
        _answer(7, "1 2 3"),
        _question(8, "Please count to 9", "q4"),
        _answer(9, "1 2", "stopped"),
    ]
    asked = [
        Asked(SAY, "q1", "Please count to 2", posts=1, accepted=True, heard=_heard(2, "1 2")),
        Asked(REGENERATE, "q1", "Please count to 2", f"{RUN}:2", posts=1, accepted=True, heard=_heard(4, "1 2")),
        Asked(EDIT, "q1", "Please count to 3", posts=1, accepted=True, heard=_heard(7, "1 2 3")),
        Asked(SAY, "q4", "Please count to 9", posts=2, accepted=True, heard=_heard(9, "1 2", "abort")),
    ]
    asked[3].stop_asked, asked[3].stopped = True, (9, 108.8)
    asked[0].tabs.append(_heard(2, "1 2"))
    history = [
        Line("user", "q1", "Please count to 3"),
        Line("assistant", f"{RUN}:7", "1 2 3"),
        Line("user", "q4", "Please count to 9"),
        Line("assistant", f"{RUN}:9", "1 2"),
    ]
    made = run(id=RUN, kind=RunKind.CHAT, usage=COST + COST + COST + COST)
    made = made.model_copy(update={"budget": made.budget.model_copy(update={"spent": 60_000})})
    chat = Chat("tea", resets=True, run_id=RUN, asked=asked, history=history)
    shown = {"streaming": False, "messages": [{"role": one.role, "id": one.id, "content": one.text} for one in history]}
    stored = RunEvidence(made, {RUN: entries}, [], [], [], [], {"a9": f"{RUN}:9:chat"})
    calls = [Call("a9", 108.5, "demo-standard", 10, 109.0, "client_closed", 5)]
    return Evidence(ChaosLog(1, 0.0, chats=[chat]), calls, {RUN: stored}, shown={RUN: [shown]})


def _chat(evidence: Evidence) -> Chat:
    return evidence.record.chats[0]


def _entries(evidence: Evidence) -> list[Entry]:
    return evidence.runs[RUN].transcripts[RUN]


def _spoil(evidence: Evidence, seq: int, **fields: Any) -> None:
    entries = _entries(evidence)
    entries[seq - 1] = entries[seq - 1].model_copy(update=fields)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_sound_chat_violates_nothing(check: Check, sound: Evidence) -> None:
    assert check(sound) == []


def test_a_message_without_an_answer_is_found(sound: Evidence) -> None:
    _chat(sound).asked[-1].heard = None
    _entries(sound).pop()
    assert len(chat_times.questions_answered(sound)) == 2
    sound.runs.clear()
    assert len(chat_times.questions_answered(sound)) == 2


def test_an_answer_that_comes_late_is_found_unless_strikes_kept_it(sound: Evidence) -> None:
    _spoil(sound, 9, created_at=_at(180))
    assert len(chat_times.answered_in_time(sound)) == 1
    sound.record.strikes.append(Strike("kill mongod", 140.0, 141.0))
    assert chat_times.answered_in_time(sound) == []


def test_an_answer_that_ends_early_is_found_unless_it_was_stopped_or_nobody_was_there(sound: Evidence) -> None:
    asked = _chat(sound).asked[3]
    asked.stop_asked = False
    assert len(chat_times.stopped_for_a_reason(sound)) == 1
    asked.absence = 22.0
    assert chat_times.stopped_for_a_reason(sound) == []


def test_a_call_after_a_stop_is_found(sound: Evidence) -> None:
    _chat(sound).asked[3].stopped = (9, 107.4)
    assert len(call_checks.stops_hold(sound)) == 1
    elsewhere = Strike("network stall", 100.0, 108.4, detail="gateway, mongod")
    for strike, finds in (
        (elsewhere, 1),
        (Strike("freeze llm-runner", 100.0, 108.4, frozen=["llm-runner-0"]), 0),
        (Strike("network stall", 100.0, 108.4, detail="demo-model, mongod"), 0),
    ):
        sound.record.strikes = [strike]
        assert len(call_checks.stops_hold(sound)) == finds


def test_a_second_answer_is_found(sound: Evidence) -> None:
    _entries(sound).append(_answer(10, "1 2 3 4 5 6 7 8 9"))
    assert len(chat_checks.answers_follow(sound)) == 2


def test_a_message_behind_an_unanswered_one_is_found(sound: Evidence) -> None:
    _entries(sound).insert(7, _question(8, "Please count to 8", "q3"))
    assert len(chat_checks.answers_follow(sound)) == 2


@pytest.mark.parametrize(("seq", "text"), [(7, "1 2"), (7, "1 2 3 4"), (9, "2 3"), (9, "1 2 3 4 5 6 7 8 9 10")])
def test_an_answer_to_something_else_is_found(seq: int, text: str, sound: Evidence) -> None:
    _spoil(sound, seq, content=text)
    assert len(chat_checks.answers_answer(sound)) == 1


def test_a_message_that_stands_twice_is_found(sound: Evidence) -> None:
    _entries(sound).append(_question(10, "Please count to 9", "q4#10"))
    assert len(chat_checks.said_once(sound)) == 1


def test_an_accepted_message_that_is_lost_is_found(sound: Evidence) -> None:
    del _entries(sound)[-2:]
    assert len(chat_checks.said_once(sound)) == 1
    _chat(sound).asked[-1].accepted = False
    assert chat_checks.said_once(sound) == []


def test_a_message_that_nobody_said_is_found(sound: Evidence) -> None:
    _spoil(sound, 8, client_message_id="q1")
    assert len(chat_checks.said_once(sound)) == 1


def test_a_rewind_that_nobody_asked_for_is_found(sound: Evidence) -> None:
    _entries(sound).extend([_rewind(10, 8), _answer(11, "1")])
    assert len(chat_checks.said_once(sound)) == 1
    _chat(sound).asked[1].posts = 2
    assert chat_checks.said_once(sound) == []


@pytest.mark.parametrize(
    "spoil",
    [{"text": "1 2 1 2"}, {"ended": "abort"}, {"seq": 3}, {"message_id": "chat:8"}, {"metadata": {}}],
    ids=lambda spoil: next(iter(spoil)),
)
def test_what_was_heard_otherwise_than_it_stands_is_found(spoil: Body, sound: Evidence) -> None:
    for heard in (_chat(sound).asked[2].heard, _chat(sound).asked[0].tabs[0]):
        assert heard is not None
        for name, value in spoil.items():
            setattr(heard, name, value)
    assert len(chat_checks.what_was_heard_stands(sound)) == 2


def test_the_text_of_an_answer_that_failed_counts_for_nothing(sound: Evidence) -> None:
    _spoil(sound, 9, finish_reason="error", content="")
    heard = _chat(sound).asked[3].heard
    assert heard is not None
    heard.ended = "error"
    _chat(sound).history[3].text = None
    sound.shown[RUN][0]["messages"][3]["content"] = ""
    assert [check(sound) for check in CHECKS] == [[]] * len(CHECKS)


def test_a_chat_that_is_shown_or_remembered_otherwise_is_found(sound: Evidence) -> None:
    sound.shown[RUN].append({"streaming": True, "messages": sound.shown[RUN][0]["messages"]})
    sound.shown[RUN].append({"streaming": False, "messages": sound.shown[RUN][0]["messages"][:2]})
    _chat(sound).history[1].text = "1"
    assert len(chat_checks.what_is_shown_stands(sound)) == 3


def test_an_account_below_its_answers_or_above_what_is_booked_is_found(sound: Evidence) -> None:
    made = sound.runs[RUN].run
    for usage in (COST, COST + COST + COST + COST + COST):
        budget = made.budget.model_copy(update={"spent": usage.cost_nanos})
        sound.runs[RUN].run = made.model_copy(update={"usage": usage, "budget": budget})
        assert len(chat_checks.chat_accounts(sound)) == 1
    sound.record.strikes.append(Strike("freeze llm-runner", 10.0, 30.0, frozen=["llm-runner-0"]))
    assert chat_checks.chat_accounts(sound) == []


def test_a_sweep_is_found_unless_a_gateway_may_have_been_kept_from_telling(sound: Evidence) -> None:
    sound.chat_looks.append(SilentLook(118.0, "unanswered message", RUN))
    sound.record.strikes.append(Strike("kill llm-runner", 107.0, 107.0, killed=["llm-runner-0"]))
    assert len(chat_times.chats_swept_for_a_reason(sound)) == 1
    for reason in (Strike("kill gateway", 109.0, 109.0), Strike("kill", 111.0, 111.0, killed=["llm-runner-1"])):
        frozen = Strike("freeze llm-runner", 90.0, 110.0, frozen=["llm-runner-1"])
        sound.record.strikes[1:] = [frozen, reason]
        assert chat_times.chats_swept_for_a_reason(sound) == []


def test_a_chat_is_recovered_when_what_it_was_owed_is_there(sound: Evidence) -> None:
    sound.record.strikes += [Strike("kill gateway", 108.25, 108.25), Strike("kill mongod", 109.5, 109.5)]
    table = rows(sound)
    assert table["kill gateway"].recoveries == [pytest.approx(0.75)]
    assert table["kill mongod"].recoveries == []


START: Body = {"type": "start", "messageId": "chat:2", "messageMetadata": {"seq": 2, "chatId": "chat"}}
TEXT: list[Body] = [
    {"type": "start-step"},
    {"type": "text-start", "id": "t"},
    {"type": "text-delta", "id": "t", "delta": "1 "},
    {"type": "text-delta", "id": "t", "delta": "2"},
]
END: list[Body] = [
    {"type": "text-end", "id": "t"},
    {"type": "finish-step"},
    {"type": "message-metadata", "messageMetadata": {"model": "m"}},
    {"type": "finish", "finishReason": "stop"},
]
RESET: list[Body] = [{"type": "reset-step"}, {"type": "text-start", "id": "u"}]
NEW_STEP: list[Body] = [*END[:2], {"type": "start-step"}, RESET[1]]
REST: list[Body] = [{"type": "text-delta", "id": "u", "delta": "1 2 3"}, {"type": "text-end", "id": "u"}, *END[1:]]


def _put_together(chunks: list[Body], *, resets: bool = True) -> Heard:
    heard = Heard(resets, whole="1 2 3")
    for number, chunk in enumerate(chunks):
        hear(heard, str(number), orjson.dumps(chunk).decode())
    hear(heard, "done", DONE)
    return heard


@pytest.mark.parametrize(
    ("chunks", "resets", "text"),
    [
        ([START, *TEXT, *END], True, "1 2"),
        ([START, *TEXT, *RESET, *REST], True, "1 2 3"),
        ([START, *TEXT, *NEW_STEP, *REST], False, "1 2 3"),
        ([START, {"type": "abort", "reason": "stopped"}], True, ""),
    ],
    ids=["plain", "reset", "new step", "stopped at once"],
)
def test_an_answer_is_put_together(chunks: list[Body], resets: bool, text: str) -> None:
    heard = _put_together(chunks, resets=resets)
    assert (heard.text, heard.ended, heard.done, heard.surprises) == (text, chunks[-1]["type"], True, [])


SPOILED: dict[str, Callable[[], Heard]] = {
    "no start": lambda: _put_together([*TEXT, *END]),
    "second start": lambda: _put_together([START, START, *TEXT, *END]),
    "text without its start": lambda: _put_together([START, TEXT[0], *TEXT[2:], *END]),
    "text beside a step": lambda: _put_together([START, *TEXT[1:], *END]),
    "text told around a hole": lambda: _put_together([START, *TEXT[:2], TEXT[3], *END]),
    "text not taken back": lambda: _put_together([START, *TEXT, TEXT[2], *END]),
    "step left open": lambda: _put_together([START, *TEXT, END[0], *END[2:]]),
    "reset for an old client": lambda: _put_together([START, *TEXT, *RESET, *REST], resets=False),
    "something behind the end": lambda: _put_together([START, *TEXT, *END, END[2]]),
    "unknown chunk": lambda: _put_together([START, {"type": "ping"}, *TEXT, *END]),
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=list(SPOILED))
def test_a_stream_that_no_client_can_use_is_found(spoiled: Callable[[], Heard], sound: Evidence) -> None:
    _chat(sound).asked[0].heard = spoiled()
    assert chat_checks.streams_make_sense(sound)


def test_a_chunk_that_comes_twice_is_found() -> None:
    heard = _put_together([START, *TEXT])
    hear(heard, "4", orjson.dumps(TEXT[-1]).decode())
    assert (heard.text, len(heard.surprises)) == ("1 22", 2)
