"""Section C: tool calls, counted, named, both or neither."""

from typing import Any

from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason as Finish
from support.provider_cases.case import JSON, Case, Expected, failed, sse
from support.provider_cases.openai_answers import body, chunk

CALLED = Finish.TOOL_CALLS


def tools(*pieces: dict[str, Any], finish: Any = None) -> dict[str, Any]:
    return chunk({"tool_calls": list(pieces)}, finish)


def piece(arguments: Any = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**more, "function": function}


def called(*calls: tuple[str, dict[str, Any]], ids: tuple[str, ...] | None = None) -> Expected:
    return Expected(finish=CALLED, tools=calls, ids=ids)


VOTE = ("vote", {"a": 1})
TWO = (("f", {"q": 1}), ("g", {"q": 2}))
BASH = called(("bash", {"c": 1}), ids=("call_1",))

NO_ARGUMENTS: tuple[Any, ...] = ("", "  ", None, {})

CASES = [
    Case(
        "TC-01 no index, one call",
        sse(
            tools(piece('{"a":', "vote", id="f1", type="function")),
            tools(piece("1}"), finish="tool_calls"),
        ),
        called(VOTE, ids=("f1",)),
    ),
    Case(
        "TC-02 no index, two calls",
        sse(
            tools(piece('{"q":1}', "f", id="a", type="function")),
            tools(piece('{"q":2}', "f", id="b", type="function"), finish="tool_calls"),
        ),
        called(("f", {"q": 1}), ("f", {"q": 2}), ids=("a", "b")),
    ),
    Case(
        "TC-02 no index, two calls in one chunk, the last goes on",
        sse(
            tools(piece('{"q":1}', "f", id="a"), piece('{"q":', "g", id="b")),
            tools(piece("2}"), finish="tool_calls"),
        ),
        called(*TWO, ids=("a", "b")),
    ),
    Case(
        "TC-03 the same index",
        sse(
            tools(piece('{"q":1}', "f", index=0, id="a")),
            tools(piece('{"q":2}', "g", index=0, id="b"), finish="tool_calls"),
        ),
        called(*TWO),
    ),
    Case(
        "TC-03 the same index and no ids",
        sse(tools(piece('{"q":1}', "f", index=0)), tools(piece('{"q":2}', "g", index=0), finish="tool_calls")),
        called(*TWO),
    ),
    Case(
        "TC-03 the same index, name and no ids",
        sse(tools(piece('{"q":1}', "f", index=0)), tools(piece('{"q":2}', "f", index=0), finish="tool_calls")),
        called(("f", {"q": 1}), ("f", {"q": 2})),
    ),
    Case(
        "TC-04 empty ids and names",
        sse(
            tools(piece("", "bash", index=0, id="call_1", type="function")),
            tools(piece('{"c":', "", index=0, id="")),
            tools(piece("1}", index=0, id=""), finish="tool_calls"),
        ),
        BASH,
    ),
    Case(
        "TC-04 an id that is a number",
        sse(tools(piece('{"c":1}', "bash", index=0, id=17), finish="tool_calls")),
        called(("bash", {"c": 1}), ids=("17",)),
    ),
    Case(
        "TC-05 id and name again and again",
        sse(
            *(tools(piece(part, "bash", index=0, id="call_1")) for part in ("", '{"c":', "1}")),
            chunk({}, "tool_calls"),
        ),
        BASH,
    ),
    Case(
        "TC-05 a name in fragments",
        sse(
            tools(piece("", "ba", index=0, id="call_1")),
            tools(piece(None, "sh", index=0)),
            tools(piece('{"c":1}', index=0), finish="tool_calls"),
        ),
        BASH,
    ),
    Case(
        "TC-06 arguments as an object",
        sse(tools(piece({"city": "Rome"}, "look", index=0, id="a"), finish="tool_calls")),
        called(("look", {"city": "Rome"})),
    ),
    Case(
        "TC-06 arguments as an object, whole",
        body({"content": None, "tool_calls": [piece({"city": "Rome"}, "look", id="a")]}, "tool_calls"),
        called(("look", {"city": "Rome"})),
        content_type=JSON,
    ),
    *(
        Case(
            f"TC-07 no arguments: {arguments!r}",
            sse(tools(piece(arguments, "look", index=0, id="a"), finish="tool_calls")),
            called(("look", {})),
        )
        for arguments in NO_ARGUMENTS
    ),
    Case(
        "TC-09 no id at all",
        sse(tools(piece('{"a":1}', "vote", index=0), finish="tool_calls")),
        called(VOTE),
    ),
    Case(
        "TC-10 cut inside the arguments",
        sse(tools(piece('{"a":', "vote", id="f1"))),
        failed(Family.CUT, calls=3),
    ),
    Case(
        "TC-10 out of tokens inside the arguments",
        sse(tools(piece('{"a":', "vote", id="f1")), chunk({}, "length")),
        failed(Family.EMPTY, calls=2),
    ),
    Case(
        "TC-10 a text, and out of tokens inside the arguments",
        sse(chunk({"content": "Let me see."}), tools(piece('{"a":', "vote", id="f1")), chunk({}, "length")),
        Expected("Let me see.", Finish.LENGTH),
    ),
    Case(
        "OC-14 stop although tools were called",
        sse(tools(piece('{"q":"x"}', "look", index=0, id="c1", type="function")), chunk({}, "stop")),
        called(("look", {"q": "x"}), ids=("c1",)),
    ),
    Case("OC-14 tools that are none", sse(chunk({"content": "Hi"}), chunk({}, "tool_calls")), Expected("Hi")),
    Case("OC-14 tools that are none and no text", sse(chunk({}, "tool_calls")), failed(Family.EMPTY, calls=2)),
    Case(
        "OC-13 function_call",
        body({"content": None, "function_call": {"name": "vote", "arguments": '{"a":1}'}}, "function_call"),
        called(VOTE),
        content_type=JSON,
    ),
    Case(
        "OC-20 a thought before a call",
        sse(
            chunk({"content": "<think>x</think>"}),
            tools(piece('{"a":1}', "vote", index=0, id="a"), finish="tool_calls"),
        ),
        Expected(finish=CALLED, tools=(VOTE,), reasoning="x"),
    ),
    Case(
        "two calls that take turns",
        sse(
            tools(piece('{"q":', "f", index=0, id="a"), piece('{"q":', "g", index=1, id="b")),
            tools(piece("1}", index=0), piece("2}", index=1), finish="tool_calls"),
        ),
        called(*TWO, ids=("a", "b")),
    ),
]
