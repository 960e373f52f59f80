"""Section A: how frames of an event stream really come."""

from llm_runner.providers.provider import TokenCount
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason as Finish
from support.provider_cases.case import JSON, Case, Expected, failed, sse

HI = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
A = b'{"choices":[{"index":0,"delta":{"content":"A"}}]}'
B = b'{"choices":[{"index":0,"delta":{"content":"B"},"finish_reason":"stop"}]}'
X = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
DONE = '{"choices":[{"index":0,"delta":{"content":"done"},"finish_reason":null}]}'
LAST = (
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":5,"completion_tokens":1}}'
)
WHOLE = (
    b'{"choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":1}}'
)
AB = Expected("AB")
ENDED = Expected("done", usage=TokenCount(5, 1))


def _long(size: int) -> Case:
    line = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":"stop"}]}\n\n' % (b"a" * size)
    return Case(f"FR-16 a line of {size} bytes", line, Expected("a" * size))


CASES = [
    Case(
        "FR-01 no space after the colon",
        HI.replace(b"data: ", b"data:")
        + b'data:{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata:[DONE]\n\n',
        Expected("Hi"),
    ),
    Case("FR-01 two spaces", b"data:  " + A + b"\n\ndata:  " + B + b"\n\n", AB),
    Case("FR-02 mixed ends of lines", b"data: " + A + b"\r\n\r\ndata: " + B + b"\r\n\r\n", AB),
    Case("FR-02 LF", b"data: " + A + b"\n\ndata: " + B + b"\n\n", AB),
    Case("FR-02 CR", b"data: " + A + b"\r\rdata: " + B + b"\r\r", AB),
    Case(
        "FR-02 two lines of data",
        b'data: {"choices":[{"index":0,\r\ndata: "delta":{"content":"A"}}]}\n\ndata: ' + B,
        AB,
    ),
    Case("FR-03 a byte order mark", b"\xef\xbb\xbfdata: " + A + b"\n\ndata: " + B + b"\n\n", AB),
    Case(
        "FR-03 a byte order mark before a body",
        b"\xef\xbb\xbf" + WHOLE,
        Expected("whole", usage=TokenCount(3, 1)),
        content_type=JSON,
    ),
    Case(
        "FR-04 an object over several lines",
        b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n',
        Expected("ok"),
    ),
    Case("FR-05 comments", b": OPENROUTER PROCESSING\n\n:\n\n: keep-alive\n\n" + X, Expected("x")),
    Case(
        "FR-07 pings",
        b'data:\n\ndata: \n\nevent: ping\ndata: \n\nevent: keepalive\n\nevent: ping\ndata: {"type":"ping"}\n\n' + X,
        Expected("x"),
    ),
    Case(
        "FR-08 control blocks",
        b"retry: 1000\n\nid: 7\ndata: " + A + b"\n\n: ping\n\ndata: " + B + b"\n\n",
        AB,
    ),
    Case("FR-09 no last line end", sse(DONE) + LAST, ENDED),
    Case("FR-09 one line end", sse(DONE) + LAST + b"\n", ENDED),
    Case("FR-09 the mark unterminated", sse(DONE) + LAST + b"\n\ndata: [DONE]", ENDED),
    Case("FR-09 half an object", sse(DONE) + LAST[:-20], failed(Family.CUT, "done", 3)),
    Case(
        "FR-10 no mark",
        sse(DONE) + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        Expected("done"),
    ),
    Case("FR-11 a mark and no reason", sse(DONE, "[DONE]"), Expected("done", Finish.UNKNOWN)),
    Case("FR-11 a mark and nothing", sse("[DONE]"), failed(Family.EMPTY, calls=2)),
    Case("FR-12 neither", sse(DONE), failed(Family.CUT, "done", 3)),
    Case(
        "FR-14 a character cut",
        'data: {"choices":[{"index":0,"delta":{"content":"你🦀"},"finish_reason":"stop"}]}\n\n'.encode(),
        Expected("你🦀"),
    ),
    _long(200_000),
    _long(600_000),
    _long(2_000_000),
    Case(
        "FR-17 frames glued together",
        b"data: " + A + b'\n\ndata: {"id":"1","object":"chat.cdata: ' + A + b"\n\ndata: " + B + b"\n\ndata: [DONE]\n\n",
        failed(Family.PROTOCOL, "A", 2),
    ),
    Case(
        "FR-18 an error without framing",
        b'{"error":{"code":400,"message":"request (6009 tokens) is larger than the context (4096)",'
        b'"type":"exceed_context_size_error","n_prompt_tokens":6009,"n_ctx":4096}}',
        failed(Family.CONTEXT_LENGTH),
    ),
    Case("FR-19 a body for a stream", WHOLE, Expected("whole", usage=TokenCount(3, 1)), content_type=JSON),
    Case("FR-19 a body with a mark", WHOLE + b"\n\ndata: [DONE]\n\n", Expected("whole", usage=TokenCount(3, 1))),
    Case(
        "ER-06 a web page",
        b"<!DOCTYPE html><html><title>Hi</title></html>",
        failed(Family.PROTOCOL),
        content_type="text/html",
    ),
    Case("ER-09 blank lines first", b"\n\n\n\n" + WHOLE, Expected("whole", usage=TokenCount(3, 1)), content_type=JSON),
    Case("ER-09 blank lines only", b"\n\n\n", failed(Family.OVERLOADED, calls=3), content_type=JSON),
]
