"""Every shape of an error body (ER-08), and which family each error is of (section D)."""

# ruff: noqa: E501

import json

import pytest

from llm_runner.providers.dialects.openai_chat.errors import error_frame, refused
from llm_runner.providers.error_bodies import error_body
from shared.contracts.enums import FailureFamily as Family

INNER = '{"error":{"message":"inner","param":"stream","code":"unsupported_value"}}'


@pytest.mark.parametrize(
    ("body", "message", "word", "param", "status"),
    [
        ({"error": {"message": "m", "type": "t", "param": None, "code": None}}, "m", "t", "", None),
        ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, "m", "c", "p", None),
        ({"error": {"message": "m", "code": 429}}, "m", None, "", 429),
        ({"error": {"message": "m", "code": "429"}}, "m", None, "", 429),
        ({"error": "m"}, "m", None, "", None),
        ({"error": "m", "error_type": "validation"}, "m", "validation", "", None),
        ([{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT", "details": []}}], "m", "invalid_argument", "", 400),
        ({"object": "error", "message": "m", "type": "BadRequestError", "param": None, "code": 400}, "m", "badrequesterror", "", 400),
        (
            {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "no"}]}, "type": "invalid_request_error"},
            "stream_options: no",
            "extra_forbidden",
            "stream_options",
            None,
        ),
        ({"detail": [{"loc": ["body", "x"], "msg": "m", "type": "extra_forbidden"}]}, "x: m", "extra_forbidden", "x", None),
        ({"detail": "m"}, "m", None, "", None),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}, "request_id": "r"}, "m", "overloaded_error", "", None),
        ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": INNER, "provider_name": "P"}}}, "inner", "unsupported_value", "stream", 400),
        ({"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "error code: 1015"}}}, "error code: 1015", None, "", 429),
        ({"error": {"message": INNER, "code": 400}}, "inner", "unsupported_value", "stream", 400),
        ({"status": 429, "error": "INSUFFICIENT QUOTA", "message": "too many concurrent requests"}, "too many concurrent requests", "insufficient quota", "", 429),
        ({"__type": "com.amazon#ThrottlingException", "message": "m"}, "m", "throttlingexception", "", None),
        ({"type": "about:blank", "title": "Busy", "status": 503}, "Busy", "about:blank", "", 503),
        ({"success": False, "errors": [{"code": 7000, "message": "m"}]}, "m", None, "", None),
        ({}, "", None, "", None),
        ([], "", None, "", None),
        ("m", "m", None, "", None),
        (None, "null", None, "", None),
        (7, "", None, "", None),
    ],
)  # fmt: skip
def test_er_08_each_shape(body: object, message: str, word: str | None, param: str, status: int | None) -> None:
    found = error_body(json.dumps(body).encode())
    assert (found.message, next(iter(found.words), None), found.param, found.status) == (message, word, param, status)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b" \r\n", ""),
        (b"upstream connect error\nor reset", "upstream connect error or reset"),
        (b"\xef\xbb\xbf{\"error\":\"m\"}", "m"),
        (b'event: error\ndata: {"error":{"message":"m"}}\n\n', "m"),
        (b'{"error":{"message":"cut he', '{"error":{"message":"cut he'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"<!DOCTYPE html><html><head><title>Welcome</title><style>x{}</style></head><body>a &amp; <b>b</b></body>", "Welcome a & b"),
        (b"<script>" + b"x" * 9000, ""),
    ],
)  # fmt: skip
def test_er_08_what_is_no_json(body: bytes, message: str) -> None:
    assert error_body(body).message == message


def test_er_06_a_long_page_is_cut_between_words() -> None:
    message = error_body(b"<p>" + b"word " * 500).message
    assert len(message) <= 204
    assert message.endswith("word ...")


def test_er_08_nothing_deep_is_followed_for_ever() -> None:
    nested: object = "m"
    for _ in range(500):
        nested = {"error": nested}
    assert error_body(json.dumps(nested).encode()).message == ""


QUOTA = "You exceeded your current quota."
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "53s"}
DAILY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}],
}
GENERIC = "Provider returned error"
FORBIDDEN = {
    "detail": [
        {
            "loc": ["body", "stream_options", "include_usage"],
            "msg": "Extra inputs are not permitted",
            "type": "extra_forbidden",
        }
    ]
}
VERIFY = {
    "message": "must be verified to stream this model",
    "type": "invalid_request_error",
    "param": "stream",
    "code": "unsupported_value",
}
REFUSALS = [
    ("ER-06 502", 502, "<html><h1>502 Bad Gateway</h1>nginx</html>", Family.SERVER_ERROR, True),
    ("ER-06 504", 504, "<html>cloudflare</html>", Family.SERVER_ERROR, True),
    ("ER-06 503", 503, "<html>cloudflare</html>", Family.OVERLOADED, True),
    ("ER-06 403", 403, "<html>Just a moment...</html>", Family.AUTH, False),
    ("ER-06 404", 404, "<html>Not found</html>", Family.PROTOCOL, False),
    ("ER-06 302", 302, "<html>Moved</html>", Family.PROTOCOL, False),
    ("ER-07 404", 404, "404 page not found", Family.MODEL_NOT_FOUND, False),
    ("ER-07 503", 503, "upstream connect error or disconnect/reset before headers", Family.OVERLOADED, True),
    ("ER-10 529", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, Family.OVERLOADED, True),
    ("ER-11 quota", 429, {"error": {"code": "insufficient_quota", "type": "insufficient_quota", "message": QUOTA}}, Family.BILLING, False),
    ("ER-11 limit", 429, {"error": {"code": "rate_limit_exceeded", "message": "try again in 2s"}}, Family.RATE_LIMIT, True),
    ("ER-11 Gemini", 429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": QUOTA, "details": [RETRY_INFO]}}], Family.RATE_LIMIT, True),
    ("ER-11 Gemini a day", 429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": QUOTA, "details": [DAILY, RETRY_INFO]}}], Family.BILLING, False),
    ("ER-11 Azure", 429, {"error": {"code": "429", "message": "exceeded token rate limit. Please retry after 86400 seconds."}}, Family.RATE_LIMIT, True),
    ("ER-11 Scaleway", 429, {"status": 429, "error": "INSUFFICIENT QUOTA", "message": "too many concurrent requests"}, Family.RATE_LIMIT, True),
    ("ER-11 OpenRouter", 429, {"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-day"}}, Family.BILLING, False),
    ("ER-11 prose alone", 429, {"error": {"message": "quota exceeded for the minute"}}, Family.RATE_LIMIT, True),
    ("ER-11 Groq's 413", 413, {"error": {"code": "rate_limit_exceeded", "message": "Request too large on tokens per minute (TPM)"}}, Family.RATE_LIMIT, True),
    ("ER-12", 402, {"error": {"message": "needs more credits, or fewer max_tokens", "code": 402}}, Family.BILLING, False),
    ("ER-12 Anthropic", 400, {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}, Family.BILLING, False),
    ("ER-14", 400, {"error": VERIFY}, Family.UNSUPPORTED_PARAMETER, False),
    ("ER-14 wrapped", 400, {"error": {"message": GENERIC, "code": 400, "metadata": {"raw": json.dumps({"error": VERIFY})}}}, Family.UNSUPPORTED_PARAMETER, False),
    ("ER-15 Ollama", 404, {"error": "model 'x' not found"}, Family.MODEL_NOT_FOUND, False),
    ("ER-15 Ollama /v1", 404, {"error": {"message": 'model "x" not found, try pulling it first', "type": "api_error"}}, Family.MODEL_NOT_FOUND, False),
    ("ER-15 LM Studio", 400, {"error": {"message": "No models loaded. Please load a model."}}, Family.MODEL_NOT_FOUND, False),
    ("ER-15 Azure", 404, {"error": {"code": "DeploymentNotFound", "message": "m"}}, Family.MODEL_NOT_FOUND, False),
    ("ER-15 DeepSeek", 400, {"error": {"message": "Model Not Exist", "type": "invalid_request_error"}}, Family.MODEL_NOT_FOUND, False),
    ("ER-15 OpenRouter", 400, {"error": {"message": "x/y is not a valid model ID", "code": 400}}, Family.MODEL_NOT_FOUND, False),
    ("ER-15 memory", 500, {"error": "model requires more system memory (7.5 GiB) than is available (3 GiB)"}, Family.SERVER_ERROR, False),
    ("ER-15 runner", 500, {"error": "llama runner process has terminated: exit status 2"}, Family.SERVER_ERROR, True),
    ("OC-25", 400, {"error": {"message": "filtered", "param": "prompt", "code": "content_filter", "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"violence": {"filtered": True}, "hate": {"filtered": False}}}}}, Family.CONTENT_POLICY, False),
    ("moderation", 403, {"error": {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["violence"]}}}, Family.CONTENT_POLICY, False),
    ("TC-12", 400, {"error": {"code": "tool_use_failed", "type": "invalid_request_error", "message": "m"}}, Family.PROTOCOL, True),
    ("Gemini's key", 400, [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}], Family.AUTH, False),
    ("RQ-03", 422, FORBIDDEN, Family.UNSUPPORTED_PARAMETER, False),
    ("any other 400", 400, {"error": {"message": "no", "code": "invalid_value", "param": "temperature"}}, Family.BAD_REQUEST, False),
    ("any other 422", 422, {"detail": "no"}, Family.BAD_REQUEST, False),
]  # fmt: skip


@pytest.mark.parametrize(("number", "status", "body", "family", "again"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_each_refusal_is_of_its_family(number: str, status: int, body: object, family: Family, again: bool) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    failure = refused("demo", status, {}, raw)
    assert (failure.family, failure.retryable, failure.charged) == (family, again, False), str(failure)


@pytest.mark.parametrize(
    ("number", "error", "family"),
    [
        ("ER-01", {"code": 502, "message": GENERIC, "metadata": {"raw": "limit reached"}}, Family.SERVER_ERROR),
        ("ER-01 429", {"code": 429, "message": "m"}, Family.RATE_LIMIT),
        ("ER-02", {"message": "quota exceeded"}, Family.RATE_LIMIT),
        ("ER-03", {"message": "Input does not fit in context length."}, Family.CONTEXT_LENGTH),
        ("ER-05", "Unexpected endpoint or method. (POST /chat/completions)", Family.BAD_REQUEST),
        ("ER-10", {"type": "overloaded_error", "message": "busy"}, Family.OVERLOADED),
        ("ER-10 api_error", {"type": "api_error", "message": "m"}, Family.SERVER_ERROR),
        ("ER-10 timeout_error", {"type": "timeout_error", "message": "m"}, Family.TIMEOUT),
        ("ER-10 unknown", {"type": "new_error", "message": "m"}, Family.SERVER_ERROR),
        ("ER-12", {"code": 402, "message": "m"}, Family.BILLING),
        ("ER-13", {"error": "m", "error_type": "validation"}, Family.BAD_REQUEST),
        ("ER-14", VERIFY, Family.UNSUPPORTED_PARAMETER),
        ("TC-12", {"code": "tool_use_failed", "status_code": 400, "message": "m"}, Family.PROTOCOL),
        ("OL-02", "an error was encountered while running the model", Family.SERVER_ERROR),
    ],
)
def test_each_error_within_an_answer_is_of_its_family(number: str, error: object, family: Family) -> None:
    assert error_frame(error, "demo").family is family, number


def test_er_05_the_sentence_says_what_to_look_at() -> None:
    assert "try adding /v1" in str(error_frame("Unexpected endpoint or method. (POST /chat/completions)", "demo"))


def test_oc_25_the_kinds_that_were_filtered_are_said() -> None:
    ((_, status, body, *_),) = (row for row in REFUSALS if row[0] == "OC-25")
    said = str(refused("demo", status, {}, json.dumps(body).encode()))
    assert "violence" in said
    assert "hate" not in said
