"""A resume is a translation made again: cut anywhere, lose anything, and each chunk still comes once."""

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.answers.answer_events import Answered, AnswerEvent
from gateway.answers.positions import Position, read_position
from unit.gateway.answers.answer_script import AnswerScript, events, frames, shown_text, ui, written

TEXTS = st.lists(st.text(min_size=1, max_size=8), min_size=0, max_size=5)


@st.composite
def answers(draw: st.DrawFn) -> AnswerScript:
    """An answer with some attempts, the last of which may win, fail, be stopped or ask for tools."""
    told = AnswerScript()
    attempts = draw(st.lists(TEXTS, min_size=1, max_size=3))
    for number, texts in enumerate(attempts):
        told.open(f"a{number}").write(*texts, attempt=f"a{number}")
        if number < len(attempts) - 1 and draw(st.booleans()):
            told.discard(f"a{number}")
    last, content = f"a{len(attempts) - 1}", "".join(attempts[-1])
    match draw(st.sampled_from(["stop", "length", "stopped", "error", "tools", "closed"])):
        case "closed":
            return told.close()
        case "error":
            return told.answer("", finish="error", error={"code": "provider_error", "message": "Died."})
        case "tools":
            calls = [{"id": f"c{place}", "name": "weather", "input": "{}"} for place in range(draw(st.integers(1, 3)))]
            return told.answer(content, finish="tool_calls", attempt=last, toolCalls=calls)
        case finish:
            return told.answer(content, finish=finish, attempt=last)


def resumed(whole: bytes, events: list[AnswerEvent], cut: int, resets: bool) -> bytes:
    """What a client gets whose connection breaks after `cut` bytes: whole events of before, and the tail."""
    read = whole[:cut]
    had = read[: read.rfind(b"\n\n") + 2] if b"\n\n" in read else b""
    since = read_position(frames(had)[-1][0]) if frames(had) else None
    return had + written(ui(resets, since), events)


@settings(deadline=None, max_examples=200)
@given(answers(), st.booleans(), st.randoms(use_true_random=False))
def test_any_cut_and_resume_gives_the_same_chunks_once(told: AnswerScript, resets: bool, chance: random.Random) -> None:
    """At the end of every event, where most depends on it, and at any byte."""
    whole = written(ui(resets), told.events)
    ends = [place + 2 for place in range(len(whole)) if whole.startswith(b"\n\n", place)]
    for cut in [*ends, chance.randint(0, len(whole))]:
        assert resumed(whole, told.events, cut, resets) == whole


@settings(deadline=None)
@given(answers(), st.randoms(use_true_random=False))
def test_ten_cuts_in_a_row_give_the_same_chunks_once(told: AnswerScript, chance: random.Random) -> None:
    whole = written(ui(True), told.events)
    had, since = b"", None
    for _ in range(10):
        tail = written(ui(True, since), told.events)
        read = tail[: chance.randint(0, len(tail))]
        had += read[: read.rfind(b"\n\n") + 2] if b"\n\n" in read else b""
        since = read_position(frames(had)[-1][0]) if frames(had) else None
    assert had + written(ui(True, since), told.events) == whole


@settings(deadline=None, max_examples=300)
@given(answers(), st.sets(st.integers(0, 12)), st.randoms(use_true_random=False))
def test_replica_that_lost_events_and_one_that_did_not_give_each_word_once(
    told: AnswerScript, lost: set[int], chance: random.Random
) -> None:
    """The first reader's gateway never heard some; the second one reads history, where all of it stands."""
    last = told.events[-1]
    partial = told.without(*(number for number in lost if number < len(told.events) - 1))
    whole = written(ui(True), partial)
    healed = resumed(whole, told.events, chance.randint(0, len(whole)), True)
    if isinstance(last, Answered) and last.finish_reason != "error":
        wanted = [last.content] if last.content else []
        assert shown_text(whole) == wanted
        assert shown_text(healed) == wanted
    identities = [identity for identity, _ in frames(healed)]
    assert len(identities) == len(set(identities))
    assert whole.endswith(b"[DONE]\n\n")
    assert healed.endswith(b"[DONE]\n\n")


@settings(deadline=None)
@given(TEXTS, st.randoms(use_true_random=False))
def test_content_events_resume_too(texts: list[str], chance: random.Random) -> None:
    told = AnswerScript().open().write(*texts).answer("".join(texts))
    whole = written(events(), told.events)
    read = whole[: chance.randint(0, len(whole))]
    had = read[: read.rfind(b"\n\n") + 2] if b"\n\n" in read else b""
    since = read_position(frames(had)[-1][0]) if frames(had) else None
    assert had + written(events(since=since), told.events) == whole


def test_positions_are_read_back() -> None:
    read = written(ui(), AnswerScript().open().write("Hi").answer("Hi").events)
    found = [read_position(identity) for identity, _ in frames(read)]
    assert all(isinstance(one, Position) and one.seq == 2 for one in found)
    assert [one.at_end for one in found if one] == [False] * 7 + [True, True]
    assert json.loads(frames(read)[0][1])["type"] == "start"


def test_foreign_positions_are_none() -> None:
    wrong = ["", "7", "abc-01234567-9", "abc-01234567-9.2", "abc-01234567-9.2.x", "x" * 10_000, "z-01234567-9.2.3"]
    assert [read_position(one) for one in [None, *wrong]] == [None] * 8
