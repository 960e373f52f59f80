"""Sections B and J: shapes of chunks and bodies; what is streamed stands as a whole body, too, where that can be."""

import json
from typing import Any

from llm_runner.providers.provider import TokenCount
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason as Finish
from support.provider_cases.case import JSON, Case, Expected, failed, sse

DONE = "[DONE]"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai"


def chunk(delta: Any, finish: Any = None, **beside: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **beside}


def body(message: Any, finish: Any = "stop", **beside: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice], **beside}, ensure_ascii=False).encode()


def usage(prompt: Any, completion: Any, **more: Any) -> dict[str, Any]:
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, **more}}


def text(content: str, finish: Any = None, **beside: Any) -> dict[str, Any]:
    return chunk({"content": content}, finish, **beside)


def both(number: str, delta: dict[str, Any], finish: Any, expected: Expected, **beside: Any) -> list[Case]:
    """The same as a stream of one chunk, and as a whole body."""
    return [
        Case(f"{number}, streamed", sse(chunk(delta, finish, **beside), DONE), expected),
        Case(f"{number}, whole", body(delta, finish, **beside), expected, content_type=JSON),
    ]


FINISHES = {
    Finish.STOP: ("eos_token", "eos", "stop_sequence", "end_turn", "STOP"),
    Finish.LENGTH: ("max_tokens", "MAX_TOKENS", "model_length", "model_context_window_exceeded"),
    Finish.CONTENT_FILTER: (
        "content_filter",
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "guardrail_intervened",
    ),
    Finish.UNKNOWN: ("something_new", "Weird"),
}

NOTHING_SAID: dict[str, dict[str, Any]] = {"null": {"content": None}, "empty": {"content": ""}, "absent": {}}

CASES = [
    Case(
        "OC-01 empty choices",
        sse(
            {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
            text("ok", "stop", usage=None),
            {"choices": [], **usage(10, 2, total_tokens=12)},
            DONE,
        ),
        Expected("ok", usage=TokenCount(10, 2)),
    ),
    Case(
        "OC-02 cumulative usage",
        sse(text("a", **usage(10, 1)), text("b", **usage(10, 2)), chunk({}, "stop", **usage(10, 2)), DONE),
        Expected("ab", usage=TokenCount(10, 2)),
    ),
    Case(
        "OC-03 usage in the middle",
        sse(text("hi"), chunk({}, "stop", **usage(8, 1)), {"choices": []}, DONE),
        Expected("hi", usage=TokenCount(8, 1)),
    ),
    Case(
        "OC-04 null counts",
        sse(text("x", usage=None), chunk({}, "stop", **usage(7, None, total_tokens=None)), DONE),
        Expected("x", usage=TokenCount(7)),
    ),
    *(
        Case(
            f"OC-05 Groq's corner{' alone' if alone else ''}",
            sse(
                text("hey"),
                chunk({}, "stop", x_groq={"id": "r1", **usage(23, 1, total_time=0.02)}),
                *([] if alone else [{"choices": [], **usage(23, 1)}]),
                DONE,
            ),
            Expected("hey", usage=TokenCount(23, 1)),
        )
        for alone in (False, True)
    ),
    Case("OC-06 no usage", sse(text("ok", "stop", usage=None), DONE), Expected("ok")),
    *(
        Case(f"OC-07 an error with {name}", error, failed(Family.RATE_LIMIT, calls=3), content_type=JSON)
        for name, error in {
            "nothing": b'{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"code: 1015"}}}',
            "no choices": b'{"error":{"message":"Provider returned error","code":429},"choices":null}',
            "an answer": body({"content": None}, error={"message": "m", "code": 429}, **usage(0, 0)),
        }.items()
    ),
    Case("OC-08 nothing", b'{"choices":[]}', failed(Family.EMPTY, calls=2), content_type=JSON),
    Case(
        "GM-02 a no choices at Gemini",
        b'{"choices":[]}',
        failed(Family.CONTENT_POLICY),
        content_type=JSON,
        base_url=GEMINI,
    ),
    Case("GM-02 b", body({}, "content_filter"), failed(Family.CONTENT_POLICY), content_type=JSON, base_url=GEMINI),
    Case("GM-02 c", body({}, "SAFETY"), failed(Family.CONTENT_POLICY), content_type=JSON, base_url=GEMINI),
    Case("GM-02 d", body({"content": ""}), failed(Family.EMPTY, calls=2), content_type=JSON, base_url=GEMINI),
    Case(
        "OC-10 odd roles",
        sse(
            chunk({"role": "", "content": "a"}),
            chunk({"role": None, "content": "b"}),
            chunk({"role": "assistant", "content": "c"}, "stop"),
        ),
        Expected("abc"),
    ),
    Case("OC-11 text with the reason", sse(text("one "), text("two", "length")), Expected("one two", Finish.LENGTH)),
    Case("OC-12 empty reasons", sse(text("a", ""), text("b", "stop")), Expected("ab")),
    Case("OC-12 an empty reason only", body({"content": "ab"}, ""), Expected("ab", Finish.UNKNOWN), content_type=JSON),
    *(
        case
        for finish, words in FINISHES.items()
        for word in words
        for case in both(f"OC-13 {word}", {"content": "a"}, word, Expected("a", finish))
    ),
    *both("OC-13 error", {"content": "a"}, "error", failed(Family.SERVER_ERROR, "", 3)),
    *both(
        "OC-13 insufficient_system_resource",
        {"content": "a"},
        "insufficient_system_resource",
        failed(Family.OVERLOADED, "", 3),
    ),
    *(
        case
        for name, message in NOTHING_SAID.items()
        for field in ("reasoning_content", "reasoning")
        for case in both(
            f"OC-15 {name}, {field}",
            message | {field: "thinking about it"},
            "length",
            failed(Family.EMPTY, calls=2, reasoning="thinking about it", usage=TokenCount(40, 64)),
            **usage(40, 64),
        )
    ),
    *both(
        "OC-16 reasoning only",
        {"content": "", "reasoning_content": "The reply is: go left."},
        "stop",
        failed(Family.EMPTY, calls=2, reasoning="The reply is: go left.", usage=TokenCount(9, 12)),
        **usage(9, 12),
    ),
    *both(
        "OC-17 no tokens",
        {"content": ""},
        "stop",
        failed(Family.EMPTY, calls=1, usage=TokenCount(14903, 0)),
        **usage(14903, 0),
    ),
    *both(
        "CL-02 an empty answer to a full window",
        {"content": ""},
        "stop",
        failed(Family.CONTEXT_LENGTH, usage=TokenCount(127_900, 3)),
        **usage(127_900, 3),
    ),
    Case(
        "OC-18 parts",
        sse(
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}]}),
            chunk({"content": [{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "Yes"}]}),
            text(".", "stop"),
        ),
        Expected("Yes.", reasoning="hmm"),
    ),
    *both(
        "OC-19 thoughts twice",
        {
            "content": "T",
            "reasoning": "a",
            "reasoning_content": "a",
            "reasoning_details": [{"type": "reasoning.text", "text": "a"}],
        },
        "stop",
        Expected("T", reasoning="a"),
    ),
    *both(
        "OC-19 details only",
        {"content": "T", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}, {"text": "b"}]},
        "stop",
        Expected("T", reasoning="b"),
    ),
    Case("OC-20 a tag in pieces", sse(text("<think>a</thi"), text("nk>B", "stop")), Expected("B", reasoning="a")),
    Case(
        "OC-20 a tag whole", body({"content": "<think>a</think>\n\nB"}), Expected("B", reasoning="a"), content_type=JSON
    ),
    Case(
        "OC-20 nothing but a thought",
        sse(text("<think>a"), chunk({}, "length")),
        failed(Family.EMPTY, calls=2, reasoning="a"),
    ),
    Case("OC-20 no tag", sse(text("1 < 2 and B", "stop")), Expected("1 < 2 and B")),
    Case("OC-20 a tag in the middle", sse(text("See <think> tag", "stop")), Expected("See <think> tag")),
    Case("OC-20 the end of a thought alone", sse(text("a</think>B", "stop")), Expected("a</think>B")),
    Case("OC-20 half a tag at the end", sse(text("<thi", "stop")), Expected("<thi")),
    Case(
        "OC-21 a refusal",
        sse(
            chunk({"role": "assistant", "content": None, "refusal": "I will not "}),
            chunk({"refusal": "do that."}, "stop"),
        ),
        Expected("I will not do that.", Finish.REFUSAL),
    ),
    Case(
        "OC-21 a refusal, whole",
        body({"content": "", "refusal": "No."}),
        Expected("No.", Finish.REFUSAL),
        content_type=JSON,
    ),
    Case(
        "OC-22 nothing but null",
        b'{"id":null,"object":null,"created":null,"model":null,"choices":[{"index":null,'
        b'"message":{"role":"assistant","content":"ok"},"finish_reason":null}],"kv_transfer_params":{}}',
        Expected("ok", Finish.UNKNOWN),
        content_type=JSON,
    ),
    Case("OC-24 the same again", sse(text("\n"), text("\n"), text("ha"), text("ha", "stop")), Expected("\n\nhaha")),
    Case(
        "ER-01 an error after text",
        sse(
            text("Once upon"),
            {
                "error": {"code": 502, "message": "Provider returned error"},
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            },
        ),
        failed(Family.SERVER_ERROR, "Once upon", 3),
    ),
    Case(
        "ER-01 an error in a choice",
        sse(text("Once upon"), {"choices": [{"error": {"code": 502, "message": "m"}, "delta": {}}]}),
        failed(Family.SERVER_ERROR, "Once upon", 3),
    ),
    *both(
        "GM-03 thoughts took all",
        {},
        "length",
        failed(Family.EMPTY, calls=2, usage=TokenCount(20, 64, reasoning=64)),
        **usage(20, 0, total_tokens=84),
    ),
    *both(
        "GM-04 a sum that says more",
        {"content": "a"},
        "stop",
        Expected("a", usage=TokenCount(20, 533, reasoning=382)),
        **usage(20, 151, total_tokens=553),
    ),
    *both(
        "CO-02 cached tokens",
        {"content": "a"},
        "stop",
        Expected("a", usage=TokenCount(1000, 50, 800)),
        **usage(1000, 50, prompt_tokens_details={"cached_tokens": 800}),
    ),
    *both(
        "CO-02 DeepSeek's cache",
        {"content": "a"},
        "stop",
        Expected("a", usage=TokenCount(1000, 50, 700)),
        **usage(1000, 50, prompt_cache_hit_tokens=700, prompt_cache_miss_tokens=300),
    ),
    *both(
        "CO-04 the provider's own cost",
        {"content": "a"},
        "stop",
        Expected("a", usage=TokenCount(5, 5, cost_nanos=12_300_000)),
        **usage(5, 5, cost=0.0123),
    ),
]
