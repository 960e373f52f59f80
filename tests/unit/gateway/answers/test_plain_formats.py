"""One question, one answer: what plain formats make of an answer's pieces, and how a reader goes on."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.answers.answer_events import Answered, AnswerEvent, Closed, Discarded, Opened, TextDelta, escaped
from gateway.promptbro.events import AssistEvents
from gateway.single_answers.formats import BROKE_OFF, PlainFormat, TokenMessages, read_id

SID = "01sid"


def message(content: str, attempt: str = "a", **fields: Any) -> Answered:
    usage = {"promptTokens": 3, "completionTokens": 2, "costUsd": 0.1}
    return Answered(99, {"content": content, "attempt": attempt, "finishReason": "stop"} | usage | fields)


def spoken(*texts: str, attempt: str = "a") -> list[AnswerEvent]:
    """An attempt and its deltas."""
    deltas = [TextDelta(2 + i, attempt, i, escaped(text)) for i, text in enumerate(texts)]
    return [Opened(1, attempt, "demo", "demo-standard"), *deltas]


def written(form: PlainFormat, events: Sequence[AnswerEvent]) -> list[tuple[str, dict[str, Any]]]:
    """Each event's id and data."""
    blocks = b"".join(form.write(event) for event in events).decode().split("\n\n")
    sent = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks if block]
    return [(fields["id"], json.loads(fields["data"])) for fields in sent]


def tokens(events: list[tuple[str, dict[str, Any]]]) -> str:
    return "".join(data.get("token", "") for _, data in events)


def test_tokens_then_done_each_with_an_id_of_the_sid() -> None:
    told = written(TokenMessages(SID), [*spoken("Hel", "lo"), message("Hello")])
    assert [data for _, data in told] == [{"token": "Hel"}, {"token": "lo"}, {"done": True}]
    assert [read_id(identity) for identity, _ in told] == [(SID, 3, False), (SID, 5, False), (SID, 5, True)]


def test_reader_has_an_id_to_come_again_with_before_the_first_token() -> None:
    assert TokenMessages(SID, announced=True).begin(0) == b'id: 01sid-0\ndata: {"token":""}\n\n'
    assert TokenMessages(SID, had=3).begin(0) == b""


def test_lost_delta_is_healed_by_the_message() -> None:
    opened, first, _, third = spoken("one ", "two ", "three")
    told = written(TokenMessages(SID), [opened, first, third, message("one two three")])
    assert [data for _, data in told] == [{"token": "one "}, {"token": "two three"}, {"done": True}]


def test_new_attempt_before_any_text_is_nobodys_business() -> None:
    events = [*spoken(), Discarded(5, "a", "retry"), *spoken("Hi", attempt="b"), message("Hi", "b")]
    assert [data for _, data in written(TokenMessages(SID), events)] == [{"token": "Hi"}, {"done": True}]


def test_new_text_after_text_is_the_end_where_nothing_can_be_taken_back() -> None:
    form = TokenMessages(SID)
    told = written(form, [*spoken("Hi"), Discarded(5, "a", "retry"), *spoken("Yo", attempt="b"), message("Yo", "b")])
    assert told[-1] == (f"{SID}-5", {"error": BROKE_OFF.code, "message": BROKE_OFF.message})
    assert (len(told), form.ended, form.abandoned) == (2, True, True)


def test_new_text_after_text_is_mended_by_promptbros_done() -> None:
    form = AssistEvents(SID)
    told = written(form, [*spoken("Hi"), Discarded(5, "a", "retry"), *spoken("Yo", attempt="b"), message("Yo", "b")])
    assert [data.get("token", data.get("text")) for _, data in told] == ["Hi", "Yo"]
    assert told[-1][1]["usage"] == {"promptTokens": 3, "completionTokens": 2, "costUsd": 0.1}
    assert (form.ended, form.abandoned) == (True, False)


@pytest.mark.parametrize(
    "end",
    [
        Closed(9, "models_unavailable", "Nobody answers."),
        message("", finishReason="error", error={"code": "models_unavailable", "message": "Nobody answers."}),
    ],
)
def test_failure_is_the_last_event(end: AnswerEvent) -> None:
    form = TokenMessages(SID)
    told = written(form, [*spoken("Hi"), end, message("Hi")])
    assert told[-1] == (f"{SID}-5", {"error": "models_unavailable", "message": "Nobody answers."})
    assert len(told) == 2
    assert (form.ended, form.abandoned) == (True, False)


@pytest.mark.parametrize("reason", ["length", "stopped"])
def test_answer_that_was_cut_short_says_so(reason: str) -> None:
    for form in (TokenMessages(SID), AssistEvents(SID)):
        assert written(form, [*spoken("Hi"), message("Hi", finishReason=reason)])[-1][1]["finishReason"] == reason


def test_answer_that_is_lost_ends_with_an_error_once() -> None:
    form = TokenMessages(SID)
    assert b'"error":"unavailable"' in form.lose()
    assert form.abandoned
    assert form.lose() == b""


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=8), st.data())
def test_any_cut_and_a_resume_elsewhere_is_the_whole_text_once(texts: list[str], data: st.DataObject) -> None:
    """Each replica may have missed other deltas: what is out is counted in characters, so that it makes no odds."""

    def replica() -> list[AnswerEvent]:
        opened, *deltas = spoken(*texts)
        return [opened, *(one for one in deltas if data.draw(st.booleans())), message("".join(texts))]

    had, said, last = 0, "", None
    while last is None or not last[2]:
        told = written(TokenMessages(SID, had), replica())
        kept = told[: data.draw(st.integers(1, len(told)))]
        said += tokens(kept)
        last = read_id(kept[-1][0])
        assert last is not None
        had = last[1]
    assert said == "".join(texts)


@pytest.mark.parametrize("written", [None, "", "x", "x-", "-1", "x-1y", "x-" + "1" * 11, "x" * 10_000])
def test_last_id_that_is_none_of_ours_is_no_position(written: str | None) -> None:
    assert read_id(written) is None
