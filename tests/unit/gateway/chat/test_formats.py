"""What each format writes of an answer, whatever happens to it."""

import json

import pytest

from gateway.answers.answer_events import Answered
from unit.gateway.answers.answer_script import AnswerScript, bodies, data, events, kinds, shown_text, text, ui, written

TEXT = ["start", "start-step", "text-start", "text-delta"]
ENDING = ["text-end", "finish-step", "message-metadata", "finish", "[DONE]"]


def plain_answer() -> AnswerScript:
    return AnswerScript().open().write("Good ", "day.").answer("Good day.")


def test_ui_writes_one_step_with_one_text() -> None:
    read = written(ui(), plain_answer().events)
    assert kinds(read) == [*TEXT, "text-delta", *ENDING]
    assert shown_text(read) == ["Good day."]
    assert bodies(read)[0]["messageId"] == "chat1:2"
    known = bodies(read)[-3]["messageMetadata"]
    assert (known["model"], known["tier"], known["usage"]["totalTokens"]) == ("demo-fast", "fast", 7)


def test_text_keeps_what_json_escapes() -> None:
    said = 'a "quote", a \\ and\na line, \u2028 and 🫖'
    read = written(ui(), AnswerScript().open().write(said[:9], said[9:]).answer(said).events)
    assert shown_text(read) == [said]
    assert written(text(), AnswerScript().write(said).answer(said).events).decode() == said


@pytest.mark.parametrize("lost", [(1,), (2,), (3,), (1, 2), (0, 1), (0, 1, 2, 3), (2, 3)])
@pytest.mark.parametrize("resets", [True, False])
def test_lost_events_are_healed_by_the_message(lost: tuple[int, ...], resets: bool) -> None:
    told = AnswerScript().open().write("one ", "two ", "three").answer("one two three")
    assert shown_text(written(ui(resets), told.without(*lost))) == ["one two three"]
    assert written(text(), told.without(*lost)) == b"one two three"


def test_new_attempt_after_text_resets_the_step_for_version_7() -> None:
    told = AnswerScript().open().write("Wro").discard().open("a2").write("Good ", "day.", attempt="a2")
    read = written(ui(resets=True), told.answer("Good day.", attempt="a2").events)
    assert kinds(read)[4:7] == ["reset-step", "text-start", "text-delta"]
    assert shown_text(read) == ["Good day."]


def test_new_attempt_after_text_is_a_new_step_for_versions_5_and_6() -> None:
    told = AnswerScript().open().write("Wro").discard().open("a2").write("Good day.", attempt="a2")
    read = written(ui(), told.answer("Good day.", attempt="a2").events)
    assert kinds(read)[4:9] == ["text-end", "finish-step", "start-step", "text-start", "text-delta"]
    assert shown_text(read) == ["Wro", "Good day."]


def test_attempt_without_text_leaves_no_trace() -> None:
    told = AnswerScript().open().discard().open("a2").write("Good day.", attempt="a2").answer("Good day.", attempt="a2")
    assert kinds(written(ui(), told.events)) == [*TEXT, *ENDING]


def test_text_of_an_attempt_that_is_over_is_not_told() -> None:
    told = AnswerScript().open().write("Wro").open("a2").write("ng", attempt="a1").write("Good day.", attempt="a2")
    read = written(ui(resets=True), told.write("!", attempt="a1").answer("Good day.", attempt="a2").events)
    assert shown_text(read) == ["Good day."]


def test_message_of_another_attempt_replaces_what_was_told() -> None:
    told = AnswerScript().open().write("Wrong").answer("Good day.", attempt="a9")
    assert shown_text(written(ui(resets=True), told.events)) == ["Good day."]
    assert shown_text(written(ui(), told.events)) == ["Wrong", "Good day."]


def test_stopped_answer_ends_with_abort() -> None:
    read = written(ui(), AnswerScript().open().write("Good ").answer("Good ", finish="stopped").events)
    assert kinds(read) == [*TEXT, "text-end", "finish-step", "message-metadata", "abort", "[DONE]"]


def test_stopped_before_its_first_word() -> None:
    read = written(ui(), AnswerScript().answer("", finish="stopped").events)
    assert kinds(read) == ["start", "message-metadata", "abort", "[DONE]"]


def test_failed_answer_ends_with_error_and_keeps_its_text() -> None:
    error = {"code": "models_unavailable", "message": "Nobody answers."}
    told = AnswerScript().open().write("Good ").discard().answer("", finish="error", error=error)
    read = written(ui(), told.events)
    assert kinds(read)[-4:] == ["finish-step", "message-metadata", "error", "[DONE]"]
    assert bodies(read)[-2]["errorText"] == "Nobody answers."
    assert shown_text(read) == ["Good "]


def test_conversation_that_ends_ends_the_answer() -> None:
    read = written(ui(), AnswerScript().open().write("Good ").close().events)
    assert kinds(read)[-4:] == ["text-end", "finish-step", "error", "[DONE]"]


def test_tools_are_asked_for_after_the_text() -> None:
    calls = [{"id": "c1", "name": "weather", "input": '{"city":"Bonn"}'}, {"id": "c2", "name": "time", "input": "x"}]
    read = written(
        ui(), AnswerScript().open().write("Look.").answer("Look.", finish="tool_calls", toolCalls=calls).events
    )
    asked = [body for body in bodies(read) if body["type"].startswith("tool-")]
    assert [body["type"] for body in asked] == ["tool-input-start", "tool-input-available"] * 2
    assert all(body["dynamic"] for body in asked)
    assert [body["input"] for body in asked[1::2]] == [{"city": "Bonn"}, "x"]
    assert bodies(read)[-2] == {"type": "finish", "finishReason": "tool-calls"}
    kinds_read = kinds(read)
    assert kinds_read.index("text-end") < kinds_read.index("tool-input-start") < kinds_read.index("finish-step")


def test_tools_without_text_stand_in_a_step() -> None:
    calls = [{"id": "c1", "name": "weather", "input": "{}"}]
    read = written(ui(), AnswerScript().open().answer("", finish="tool_calls", toolCalls=calls).events)
    assert kinds(read)[:4] == ["start", "start-step", "tool-input-start", "tool-input-available"]


def parts(read: bytes) -> list[tuple[str, object]]:
    """Code and value of every line of a data stream."""
    return [(line[:1], json.loads(line[2:])) for line in read.decode().splitlines()]


def test_data_stream_of_version_4() -> None:
    calls = [{"id": "c1", "name": "weather", "input": '{"city":"Bonn"}'}]
    told = AnswerScript().open().write("Look.").answer("Look.", finish="tool_calls", toolCalls=calls)
    usage = {"promptTokens": 5, "completionTokens": 2}
    found = parts(written(data(), told.events))
    assert [code for code, _ in found] == ["f", "0", "9", "8", "e", "d"]
    assert found[0][1] == {"messageId": "chat1:2"}
    assert found[2][1] == {"toolCallId": "c1", "toolName": "weather", "args": {"city": "Bonn"}}
    assert found[4][1] == {"finishReason": "tool-calls", "usage": usage, "isContinued": False}
    assert found[5][1] == {"finishReason": "tool-calls", "usage": usage}


@pytest.mark.parametrize(
    "told",
    [
        AnswerScript().open().write("Wro").open("a2").write("Good", attempt="a2").answer("Good", attempt="a2"),
        AnswerScript()
        .open()
        .write("Wro")
        .answer("", finish="error", error={"code": "provider_error", "message": "Died."}),
        AnswerScript().open().write("Wro").close(),
    ],
)
def test_formats_that_cannot_begin_anew_end_with_their_error(told: AnswerScript) -> None:
    assert [code for code, _ in parts(written(data(), told.events))] == ["f", "0", "3"]
    found = bodies_of_events(written(events(), told.events))
    assert found[0] == {"content": "Wro"}
    assert set(found[1]) == {"error", "message"}
    assert len(found) == 2
    plain = text()
    assert (written(plain, told.events), plain.broken) == (b"Wro", True)


def bodies_of_events(read: bytes) -> list[dict[str, object]]:
    from unit.gateway.answers.answer_script import frames

    return [json.loads(body) if body != "[DONE]" else {"done": True} for _, body in frames(read)]


def test_content_events() -> None:
    found = bodies_of_events(written(events(), plain_answer().events))
    assert found == [{"content": "Good "}, {"content": "day."}, {"done": True}]


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ("", ["Good ", "day."]),
        ("Go", ["od ", "day."]),
        ("Good ", ["day."]),
        ("Good d", ["ay."]),
        ("Good day.", []),
    ],
)
def test_content_after_what_is_known(known: str, wanted: list[str]) -> None:
    found = bodies_of_events(written(events(known), plain_answer().events))
    assert [one["content"] for one in found[:-1]] == wanted
    assert found[-1] == {"done": True}


@pytest.mark.parametrize("known", ["Bad", "Good x", "Good day. And more"])
def test_content_that_does_not_follow_what_is_known_is_sent_whole(known: str) -> None:
    found = bodies_of_events(written(events(known), plain_answer().events))
    assert found[0] == {"restart": True}
    assert "".join(str(one["content"]) for one in found[1:-1]) == "Good day."


def test_nothing_follows_the_answer() -> None:
    told = plain_answer()
    last = told.events[-1]
    assert isinstance(last, Answered)
    assert written(ui(), [*told.events, last]) == written(ui(), told.events)
