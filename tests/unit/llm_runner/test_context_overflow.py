"""Every wording of a prompt that is too long (CL-01)."""

# ruff: noqa: E501

import json

import pytest

from llm_runner.providers.context_overflow import Overflow, overflow
from llm_runner.providers.dialects.openai_chat.errors import error_frame, refused
from llm_runner.providers.error_bodies import error_body
from shared.contracts.enums import FailureFamily as Family

SAID = [
    ("OpenAI", "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", 9000, 8192),
    ("OpenAI, newer", "Your input exceeds the context window of this model. Please adjust your input.", None, None),
    ("Anthropic", "prompt is too long: 210,000 tokens > 200000 maximum", 210000, 200000),
    ("Anthropic, both", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease it", 210000, 200000),
    ("Gemini", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1200000, 1048576),
    ("xAI", "This model's maximum prompt length is 131072 but the request contains 140000 tokens.", 140000, 131072),
    ("Groq", "Please reduce the length of the messages or completion.", None, None),
    ("Mistral", "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", 40000, 32768),
    ("OpenRouter", "This endpoint's maximum context length is 4096 tokens. However, you requested about it.", None, 4096),
    ("Poolside", "the prompt exceeds the maximum allowed input length", None, None),
    ("Together", "The input is longer than the model's context length", None, None),
    ("vLLM", "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages)", 5000, 4096),
    ("vLLM, newer", "You requested 100 output tokens and your prompt contains at least 4000 input tokens", 4100, None),
    ("SGLang", "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 tokens", 5000, 4096),
    ("compatible", "Input length (5000) exceeds model's maximum context length (4096).", 5000, 4096),
    ("compatible, without brackets", "Input length 5000 exceeds the maximum length 4096", 5000, 4096),
    ("llama.cpp's fork", "Prompt has 5000 tokens, but the configured context size is 4096 tokens", 5000, 4096),
    ("llama.cpp", "request (6009 tokens) exceeds the available context size (4096 tokens), try increasing it", 6009, 4096),
    ("Lemonade", "request (6009 tokens) is larger than the context (4096)", 6009, 4096),
    ("LM Studio", "Input does not fit in context length. The input has 31430 tokens, but the context length only supports 30000 tokens.", 31430, 30000),
    ("LM Studio, older", "The number of tokens to keep from the initial prompt is greater than the context length", None, None),
    ("LM Studio, keep", "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens", 5000, 4096),
    ("LM Studio MLX", "Context size has been exceeded.", None, None),
    ("Ollama", "prompt too long; exceeded max context length by 12 tokens", None, None),
    ("TGI", "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 500 `max_new_tokens`", 4500, 4096),
    ("Bedrock", "Input is too long for requested model.", None, None),
    ("Perplexity", "The total length of all messages is too long.", None, None),
    ("MiniMax", "invalid params, context window exceeds limit", None, None),
    ("Kimi", "Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)", 9000, 8192),
    ("Copilot", "prompt token count of 9000 exceeds the limit of 8192", 9000, 8192),
    ("Qwen", "Range of input length should be [1, 30720]", None, 30720),
    ("Cohere", "too many tokens: total number of tokens in the prompt cannot exceed 4081", None, 4081),
]  # fmt: skip


@pytest.mark.parametrize(("who", "message", "asked", "limit"), SAID, ids=[row[0] for row in SAID])
def test_cl_01_each_wording(who: str, message: str, asked: int | None, limit: int | None) -> None:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()
    assert overflow(error_body(body)) == Overflow(asked, limit)
    for status in (400, 413, 422, 500):
        failure = refused("demo", status, {}, body)
        assert (failure.family, failure.retryable) == (Family.CONTEXT_LENGTH, False)
    assert error_frame({"message": message}, "demo").family is Family.CONTEXT_LENGTH


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "context_length_exceeded", "message": ""}}),
        (413, {"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}),
        (400, {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8, "message": "m"}}),
        (500, {"error": {"n_prompt_tokens": 9, "n_ctx": 8, "message": "m"}}),
    ],
)
def test_cl_01_codes_and_numbers_are_enough(status: int, body: object) -> None:
    assert refused("demo", status, {}, json.dumps(body).encode()).family is Family.CONTEXT_LENGTH


def test_cl_01_the_numbers_are_told_where_the_sentence_lacks_them() -> None:
    body = b'{"error":{"n_prompt_tokens":9,"n_ctx":8,"message":"m"}}'
    assert "(9 tokens, room for 8)" in str(refused("demo", 400, {}, body))


@pytest.mark.parametrize("status", [400, 413])
def test_cl_01_an_empty_body(status: int) -> None:
    assert refused("demo", status, {}, b"").family is Family.CONTEXT_LENGTH


@pytest.mark.parametrize(
    "message",
    [
        "ThrottlingException: Too many tokens, please wait before trying again.",
        "Rate limit reached: maximum context length of tokens per minute",
        "Too many requests: input is too long a queue",
    ],
)
def test_er_16_throttling_is_no_overflow(message: str) -> None:
    for status in (400, 429, 500):
        assert refused("demo", status, {}, json.dumps({"message": message}).encode()).family is Family.RATE_LIMIT


@pytest.mark.parametrize(
    "message",
    ["max_tokens is too large: 9. This model supports at most 8 completion tokens", "bad", "stop is too long"],
)
def test_other_sentences_are_no_overflow(message: str) -> None:
    assert overflow(error_body(json.dumps({"error": {"message": message}}).encode())) is None
