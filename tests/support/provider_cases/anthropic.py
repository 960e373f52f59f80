"""Section H: messages of Anthropic's, streamed and whole."""

import json
from typing import Any

from llm_runner.providers.provider import TokenCount
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason as Finish
from support.provider_cases.case import JSON, Case, Expected, failed

USAGE = {"input_tokens": 25, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0, "output_tokens": 1}
WRITTEN = USAGE | {"output_tokens": 15}
COUNTED = TokenCount(125, 15, 100)


def events(*said: dict[str, Any], named: bool = True) -> bytes:
    """Each event, by its type's name where events are `named`."""
    names = [f"event: {event['type']}\n" if named else "" for event in said]
    return "".join(f"{name}data: {json.dumps(event)}\n\n" for name, event in zip(names, said, strict=True)).encode()


def start(usage: dict[str, Any] = USAGE) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": "m1",
        "role": "assistant",
        "content": [],
        "model": "c",
        "stop_reason": None,
        "usage": usage,
    }
    return {"type": "message_start", "message": message}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def said(text: str, index: int = 0) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, {"type": "text_delta", "text": text})


def end(reason: str | None = "end_turn", usage: dict[str, Any] | None = None) -> dict[str, Any]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 15}}


USED = end("tool_use")
STOP: dict[str, Any] = {"type": "message_stop"}
PING: dict[str, Any] = {"type": "ping"}
BUSY = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
THOUGHT = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "plan"},
    {"type": "signature_delta", "signature": "SIG"},
)


def case(number: str, body: bytes, expected: Expected, content_type: str = "text/event-stream") -> Case:
    return Case(number, body, expected, "anthropic", content_type)


def whole(number: str, content: list[dict[str, Any]], reason: str | None, expected: Expected) -> Case:
    message = {"type": "message", "role": "assistant", "content": content, "stop_reason": reason, "usage": WRITTEN}
    return case(f"{number}, whole", json.dumps(message).encode(), expected, JSON)


def tool(*parts: str, given: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    pieces = ({"type": "input_json_delta", "partial_json": part} for part in parts)
    return block(1, {"type": "tool_use", "id": "toolu_1", "name": "look", "input": given or {}}, *pieces)


def looked(arguments: dict[str, Any]) -> Expected:
    return Expected(finish=Finish.TOOL_CALLS, tools=(("look", arguments),), ids=("toolu_1",), usage=COUNTED)


HI = Expected("Hi", usage=COUNTED)
REASONS = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
    "model_context_window_exceeded": Finish.LENGTH,
    "something_new": Finish.UNKNOWN,
}

CASES = [
    case("AN-01 a message", events(start(), *said("Hi"), PING, end(), STOP), HI),
    whole("AN-01 a message", [{"type": "text", "text": "Hi"}], "end_turn", HI),
    case(
        "AN-02 counts again and again",
        events(
            start(),
            *said("Hi"),
            end(None, USAGE | {"output_tokens": 7}),
            end(usage=USAGE | {"output_tokens": 15}),
            STOP,
        ),
        HI,
    ),
    case(
        "AN-03 zeros first",
        events(
            start({"input_tokens": 0, "output_tokens": 0}),
            *said("Hi"),
            end(usage={"input_tokens": 14, "output_tokens": 3}),
            STOP,
        ),
        Expected("Hi", usage=TokenCount(14, 3)),
    ),
    case(
        "AN-04 a thought",
        events(
            start(),
            *THOUGHT,
            *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
            end(),
            STOP,
        ),
        Expected("Hi", reasoning="plan", usage=COUNTED),
    ),
    whole(
        "AN-04 a thought",
        [{"type": "thinking", "thinking": "plan", "signature": "SIG"}, {"type": "text", "text": "Hi"}],
        "end_turn",
        Expected("Hi", reasoning="plan", usage=COUNTED),
    ),
    case(
        "AN-05 arguments in pieces", events(start(), *tool("", '{"a":', "1}"), end("tool_use"), STOP), looked({"a": 1})
    ),
    case("AN-05 no arguments", events(start(), *tool(), end("tool_use"), STOP), looked({})),
    case(
        "AN-05 arguments at the start", events(start(), *tool(given={"a": 2}), end("tool_use"), STOP), looked({"a": 2})
    ),
    whole(
        "AN-05 arguments",
        [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}],
        "tool_use",
        looked({"a": 1}),
    ),
    *(
        case(f"AN-06 {word}", events(start(), *said("Hi"), end(word), STOP), Expected("Hi", finish, usage=COUNTED))
        for word, finish in REASONS.items()
    ),
    case(
        "AN-06 a refusal without a word",
        events(start(), end("refusal"), STOP),
        failed(Family.CONTENT_POLICY, usage=COUNTED),
    ),
    case(
        "AN-06 a pause",
        events(start(), *said("Hi"), end("pause_turn"), STOP),
        failed(Family.PROTOCOL, "Hi", 2, usage=TokenCount(125, None, 100)),
    ),
    case(
        "AN-06 no reason at the end",
        events(start(), *said("Hi"), end(None), STOP),
        failed(Family.CUT, "Hi", 3, usage=COUNTED),
    ),
    case("AN-07 no stop", events(start(), *said("Hi"), end()), HI),
    case("AN-07 neither", events(start(), *said("Hi")), failed(Family.CUT, "Hi", 3, usage=TokenCount(125, None, 100))),
    case(
        "AN-08 what nobody knows",
        events(
            {"type": "something_new"},
            start(),
            *block(
                0,
                {"type": "text", "text": ""},
                {"type": "citations_delta", "citation": {}},
                {"type": "text_delta", "text": "Hi"},
            ),
            *block(1, {"type": "server_tool_use", "id": "s", "name": "web", "input": {}}),
            end(),
            STOP,
        ),
        HI,
    ),
    case("AN-08 no names", events(start(), *said("Hi"), end(), STOP, named=False), HI),
    case("ER-10 b busy at once", events(BUSY), failed(Family.OVERLOADED, calls=3)),
    case(
        "ER-10 c busy after text",
        events(start(), *said("Hi"), BUSY),
        failed(Family.OVERLOADED, "Hi", 3, usage=TokenCount(125, None, 100)),
    ),
    case("FR-02 with CRLF", events(start(), *said("Hi"), end(), STOP).replace(b"\n", b"\r\n"), HI),
    case("FR-03 behind a byte order mark", b"\xef\xbb\xbf" + events(start(), *said("Hi"), end(), STOP), HI),
]
