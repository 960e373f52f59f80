"""Section I: Ollama's own chat, a JSON object a line."""

from typing import Any

from llm_runner.providers.provider import TokenCount
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason as Finish
from support.provider_cases.case import LINES, Case, Expected, failed, ndjson

COUNTED: dict[str, Any] = {"prompt_eval_count": 12, "eval_count": 2}


def said(content: str | None, **beside: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": content, **beside}, "done": False}


def done(reason: str | None = "stop", content: str = "", **beside: Any) -> dict[str, Any]:
    reasons = {"done_reason": reason} if reason is not None else {}
    return {"model": "m", "message": {"role": "assistant", "content": content}, "done": True, **reasons, **beside}


def call(arguments: Any, name: str = "f", **beside: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **beside}


def case(number: str, body: bytes, expected: Expected) -> Case:
    return Case(number, body, expected, "ollama", LINES)


HEY = Expected("Hey", usage=TokenCount(12, 2))
LINES_OF_HEY = ndjson(said("He"), said("y"), done(load_duration=5, **COUNTED))
F = ("f", {"a": 1})

CASES = [
    case("OL-01 a stream", LINES_OF_HEY, HEY),
    case("OL-01 with CRLF", LINES_OF_HEY.replace(b"\n", b"\r\n"), HEY),
    case("OL-01 with blank lines", LINES_OF_HEY.replace(b"\n", b"\n\n"), HEY),
    case("OL-01 no last line end", LINES_OF_HEY.rstrip(b"\n"), HEY),
    case("OL-01 behind a byte order mark", b"\xef\xbb\xbf" + LINES_OF_HEY, HEY),
    case("OL-01 whole", ndjson(done(content="Hey", **COUNTED)), HEY),
    case("FR-12 cut", ndjson(said("He")), failed(Family.CUT, "He", 3)),
    case("FR-09 half a line", LINES_OF_HEY[:-30], failed(Family.PROTOCOL, "Hey", 2)),
    case(
        "OL-02 an error in the middle",
        ndjson(said("So"), {"error": "an error was encountered while running the model"}),
        failed(Family.SERVER_ERROR, "So", 3),
    ),
    case("OL-03 no JSON", ndjson(said("So"), "invalid character 'x'"), failed(Family.PROTOCOL, "So", 2)),
    case("OL-05 length", ndjson(said("So"), done("length")), Expected("So", Finish.LENGTH)),
    case("OL-05 only loaded", ndjson(done("load")), failed(Family.EMPTY, calls=2)),
    case("OL-05 put away", ndjson(done("unload")), failed(Family.EMPTY, calls=2)),
    case("OL-05 no reason", ndjson(said("So"), done(None)), Expected("So")),
    case("OL-05 another reason", ndjson(said("So"), done("weird")), Expected("So", Finish.UNKNOWN)),
    case(
        "OL-06 a tool",
        ndjson(said("", tool_calls=[call({"a": 1})]), done(eval_count=5)),
        Expected(finish=Finish.TOOL_CALLS, tools=(F,), usage=TokenCount(None, 5)),
    ),
    case(
        "OL-06 a tool with an id and an index",
        ndjson(said("", tool_calls=[call({"a": 1}, id="call_x")]), done()),
        Expected(finish=Finish.TOOL_CALLS, tools=(F,), ids=("call_x",)),
    ),
    case(
        "OL-06 two tools of one name without arguments",
        ndjson(said("", tool_calls=[call({})]), said("", tool_calls=[call({})]), done()),
        Expected(finish=Finish.TOOL_CALLS, tools=(("f", {}), ("f", {}))),
    ),
    case(
        "OL-07 thinking",
        ndjson(said("", thinking="hm"), said("Yes"), done(**COUNTED)),
        Expected("Yes", reasoning="hm", usage=TokenCount(12, 2)),
    ),
    case(
        "OL-07 nothing but thinking",
        ndjson(said("", thinking="hm"), done(**COUNTED)),
        failed(Family.EMPTY, calls=2, reasoning="hm", usage=TokenCount(12, 2)),
    ),
    case(
        "OL-07 tags in the text",
        ndjson(said("<think>hm</th"), said("ink>Yes"), done()),
        Expected("Yes", reasoning="hm"),
    ),
    case("OL-08 no counts", ndjson(said("Hey"), done()), Expected("Hey")),
    case("OL-08 one count", ndjson(said("Hey"), done(eval_count=2)), Expected("Hey", usage=TokenCount(None, 2))),
    case("an answer of null", ndjson(said(None), said("Hey"), done()), Expected("Hey")),
]
