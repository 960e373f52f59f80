"""What clients post, in the shapes of AI SDK 4 to 7 and of plain clients."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.chat.validation import check_new, check_utterance
from gateway.chat.wire_messages import merged, read_body, read_message, read_messages, system_prompt
from gateway.errors import InvalidRequest
from gateway.schemas.chat import ChatBody
from shared.contracts.enums import Side
from shared.contracts.transcript import ToolCall, ToolResult

Raw = dict[str, Any]
CALL = ToolCall(id="c1", name="weather", input='{"city":"Bonn"}')
RESULT = ToolResult(tool_call_id="c1", output='{"degrees":7}')


def user(text: str, identity: str | None = None) -> Raw:
    return {"role": "user", "content": text} | ({"id": identity} if identity else {})


def assistant(*parts: Raw) -> Raw:
    return {"role": "assistant", "parts": [{"type": "step-start"}, *parts]}


def text(value: str) -> Raw:
    return {"type": "text", "text": value}


def tool(kind: str = "tool-weather", **more: Any) -> Raw:
    done = {"state": "output-available", "input": {"city": "Bonn"}, "output": {"degrees": 7}}
    return {"type": kind, "toolCallId": "c1"} | done | more


@pytest.mark.parametrize(
    "raw",
    [
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [text("Hello")]},
        {"role": "user", "parts": [text("Hel"), text("lo")]},
        {"role": "user", "content": "", "parts": [text("Hello")]},
        {"role": "user", "parts": [], "content": "Hello"},
        {"role": "user", "content": "Hello", "toolInvocations": None, "createdAt": "2026-11-21", "reasoning": "x"},
    ],
)
def test_text_of_every_shape(raw: Raw) -> None:
    assert [one.content for one in merged(read_messages([raw]))] == ["Hello"]


@pytest.mark.parametrize("message", ["Hello", {"content": "Hello"}, {"parts": [text("Hello")], "role": "user"}])
def test_single_message(message: str | Raw) -> None:
    assert (read_message(message).text, read_message(message).role) == ("Hello", "user")


def test_files_and_data_are_kept_and_the_rest_is_not() -> None:
    file = {"type": "file", "mediaType": "image/png", "url": "https://here/x.png"}
    raw = {"role": "user", "parts": [text("Look"), file, {"type": "data-place", "data": 1}, {"type": "reasoning"}]}
    given = merged(read_messages([raw]))
    assert given[0].parts == (file, {"type": "data-place", "data": 1})


def test_messages_of_one_side_in_a_row_are_one() -> None:
    given = merged(read_messages([user("One", "m1"), user("Two", "m2"), assistant(text("A")), assistant(text("B"))]))
    assert [(one.side, one.content, one.client_message_id) for one in given] == [
        (Side.OPPONENT, "One\n\nTwo", "m2"),
        (Side.AGENT, "A\n\nB", None),
    ]


def test_system_messages_are_the_prompt_and_no_lines() -> None:
    sent = read_messages([{"role": "system", "content": "Be kind."}, user("Hello")])
    assert system_prompt(sent) == "Be kind."
    assert [one.content for one in merged(sent)] == ["Hello"]


@pytest.mark.parametrize(
    "part",
    [
        tool(),
        tool("dynamic-tool", toolName="weather"),
        {
            "type": "tool-invocation",
            "toolInvocation": {
                "toolCallId": "c1",
                "toolName": "weather",
                "state": "result",
                "args": {"city": "Bonn"},
                "result": {"degrees": 7},
            },
        },
    ],
)
def test_tools_are_lines_of_their_own(part: Raw) -> None:
    given = merged(read_messages([user("How is it?"), assistant(text("Look."), part, text("It is cold."))]))
    assert [(one.side, one.content, one.tool_calls, one.tool_results) for one in given] == [
        (Side.OPPONENT, "How is it?", (), ()),
        (Side.AGENT, "Look.", (CALL,), ()),
        (Side.OPPONENT, "", (), (RESULT,)),
        (Side.AGENT, "It is cold.", (), ()),
    ]


def test_tool_invocations_of_version_4_stand_before_the_text() -> None:
    call = {"toolCallId": "c1", "toolName": "weather", "state": "result", "args": {"city": "Bonn"}}
    raw = {"role": "assistant", "content": "It is cold.", "toolInvocations": [call | {"result": {"degrees": 7}}]}
    assert [one.content for one in merged(read_messages([raw]))] == ["", "", "It is cold."]


def test_tool_that_failed_or_has_not_answered() -> None:
    failed = read_messages([assistant(tool(state="output-error", errorText="No."))])[0]
    assert failed.results == (ToolResult(tool_call_id="c1", output='"No."', is_error=True),)
    assert read_messages([assistant(tool(state="input-available"))])[0].results == ()


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"content": "Hello"}, "messages.0.role"),
        ({"role": "tool", "content": "Hello"}, "messages.0.role"),
        ({"role": "user", "content": 5}, "messages.0.content"),
        ({"role": "user", "parts": ["Hello"]}, "messages.0.parts"),
        ({"role": "user", "parts": [{"type": "text", "text": None}]}, "messages.0.parts"),
        ({"role": "user", "content": "Hello", "id": "x" * 10_000}, "messages.0.id"),
        ({"role": "user", "content": "Hello", "id": "m#3"}, "messages.0.id"),
        ({"role": "user", "content": "Hello", "id": 7}, "messages.0.id"),
        ({"role": "user", "content": "Hello", "id": "\ud800"}, "messages.0.id"),
    ],
)
def test_what_is_no_message_is_refused(raw: Raw, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_messages([raw])
    assert refused.value.details["fields"][0]["field"] == field  # type: ignore[index]


def nested(depth: int) -> Raw:
    value: Raw = {}
    for _ in range(depth):
        value = {"deeper": value}
    return value


@pytest.mark.parametrize(
    "raws",
    [
        [user("x")] * 51,
        [user("x" * 10_001)],
        [{"role": "user", "parts": []}],
        [user("\ud800")],
        [assistant(tool(output="\ud800"))],
        [{"role": "user", "parts": [text("x"), {"type": "data-x", "data": 2**70}]}],
        [{"role": "user", "parts": [text("x"), {"type": "data-x", "data": nested(200)}]}],
        [{"role": "user", "parts": [text("x"), {"type": "data-x", "\0": 1}]}],
        [{"role": "user", "parts": [text("x"), {"type": "file", "url": "data:" + "x" * 70_000}]}],
        [assistant(tool(output="x" * 70_000))],
        [{"role": "system", "content": "x" * 32_001}],
        [{"role": "user", "parts": [text("x"), {"type": "file", "url": "x" * 60_000}]}] * 4,
    ],
)
def test_new_messages_have_bounds(raws: list[Raw]) -> None:
    with pytest.raises(InvalidRequest):
        check_new(read_messages(raws))


def test_new_messages_within_their_bounds() -> None:
    check_new(read_messages([user("x" * 10_000)] * 50))


@pytest.mark.parametrize(
    "body",
    [
        {"id": "x" * 65},
        {"id": "a b"},
        {"messages": []},
        {"messages": "Hello"},
        {"trigger": "sing"},
        {"format": "xml"},
        {"complexity": "hard"},
        {"temperature": 3},
        {"maxTokens": 0},
        {"userId": "x" * 129},
        {"messageId": "x" * 10_000},
    ],
)
def test_bodies_that_are_refused(body: Raw) -> None:
    with pytest.raises(ValidationError):
        ChatBody.model_validate(body)


def test_body_of_the_default_transport_with_fields_nobody_knows() -> None:
    posted = {"id": "abc", "messages": [user("Hello")], "trigger": "submit-message", "messageId": None, "custom": 1}
    assert ChatBody.model_validate(posted).chat == "abc"


DATA_URL = "data:image/png;base64,AAAA"
SHOWN: list[tuple[Raw, str]] = [
    ({"type": "file", "mediaType": "image/png", "url": "https://here/x"}, "a picture"),
    ({"type": "file", "mediaType": "IMAGE/PNG", "url": "https://here/x"}, "a picture"),
    ({"type": "file", "mimeType": "audio/wav", "data": "AAAA"}, "a sound"),
    ({"type": "file", "mediaType": "video/mp4", "url": "https://here/x"}, "a film"),
    ({"type": "file", "mediaType": "application/pdf", "url": "https://here/x"}, "a document"),
    ({"type": "file", "url": DATA_URL}, "a picture"),
    ({"type": "file", "file": {"file_id": "f"}}, "a document"),
    ({"type": "image", "image": "AAAA"}, "a picture"),
    ({"type": "image_url", "image_url": {"url": DATA_URL}}, "a picture"),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "a sound"),
]


@pytest.mark.parametrize(("part", "word"), SHOWN)
def test_what_a_model_would_have_to_see_is_refused_by_its_name(part: Raw, word: str) -> None:
    (sent,) = read_messages([{"role": "user", "parts": [text("Look"), part]}])
    with pytest.raises(InvalidRequest, match=rf"messages\.0\.parts: .*{word}"):
        check_new([sent])
    with pytest.raises(InvalidRequest, match=rf"message\.parts: .*{word}"):
        check_utterance(sent.utterances[0], "message")


def test_attachments_of_the_older_sdk_count() -> None:
    attached = [{"name": "x.png", "contentType": "image/png", "url": DATA_URL}]
    with pytest.raises(InvalidRequest, match="a picture"):
        check_new(read_messages([user("Look") | {"experimental_attachments": attached}]))
    notes = [{"name": "notes.txt", "contentType": "text/plain", "url": "https://here/notes.txt"}]
    (given,) = merged(read_messages([user("Look") | {"experimental_attachments": notes}]))
    assert given.parts == (
        {"type": "file", "filename": "notes.txt", "mediaType": "text/plain", "url": "https://here/notes.txt"},
    )


@pytest.mark.parametrize(
    "part", [{"type": "file", "mediaType": "text/plain", "url": "https://here/x"}, {"type": "file"}]
)
def test_other_files_are_named_to_the_model(part: Raw) -> None:
    check_new(read_messages([{"role": "user", "parts": [text("Look"), part]}]))


@pytest.mark.parametrize("given", ["\ud800", {"\udfff": 1}, nested(990)])
def test_tools_that_cannot_be_stored_are_refused_and_crash_nothing(given: Any) -> None:
    with pytest.raises(InvalidRequest):
        read_messages([assistant(tool(input=given))])
    with pytest.raises(InvalidRequest):
        read_messages([assistant(tool(toolCallId="\ud800"))])


def test_numbers_count_as_long_as_they_are_told() -> None:
    """`1e15` is four bytes of a body, and eighteen of an event."""
    part = {"type": "data-x", "data": [1e15] * 4_000}
    with pytest.raises(InvalidRequest, match="64000 bytes"):
        check_new(read_messages([{"role": "user", "parts": [text("x"), part]}]))


def test_a_message_and_messages_together_are_refused() -> None:
    body = ChatBody.model_validate({"message": "Hello", "messages": [{"role": "user", "content": "Hello"}]})
    with pytest.raises(InvalidRequest, match="send one of them"):
        read_body(body)


@pytest.mark.parametrize(
    "wrong",
    [{"parts": "Hello"}, {"content": 5}, {"parts": [{"text": "no type"}]}, {"content": [{"type": "text"}]}],
)
def test_what_is_no_message_is_refused_wherever_it_stands(wrong: dict[str, object]) -> None:
    right = {"role": "user", "content": "Hello", "parts": [{"type": "text", "text": "Hello"}]}
    with pytest.raises(InvalidRequest, match=r"messages\.0"):
        read_messages([right | wrong])
