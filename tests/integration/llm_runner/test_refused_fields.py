"""A request that is refused for a field is repeated without it in the same attempt, once for each, and never again."""

# ruff: noqa: E501

from collections.abc import Callable, Sequence
from typing import Any

from support.byte_provider import Answers, Call, Script, answer, refusal, text
from support.workers.environment import WorkerEnvironment

Refuses = Callable[[dict[str, Any]], Script | None]


def _openai(field: str, code: str = "unsupported_parameter") -> Script:
    return refusal(400, {"error": {"message": "no", "param": field, "code": code, "type": "invalid_request_error"}})


def _said(message: str, status: int = 400) -> Script:
    return refusal(status, {"error": {"message": message, "type": "invalid_request_error"}})


FORBIDDEN = {"type": "extra_forbidden", "loc": ["body", "stream_options", "include_usage"], "msg": "no"}
MISTRAL = refusal(422, {"object": "error", "message": {"detail": [FORBIDDEN]}, "type": "invalid_request_error"})
VERIFIED = '{"error":{"message":"must be verified to stream","param":"stream","code":"unsupported_value"}}'
WRAPPED = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": VERIFIED}}}


def _where(field: str, script: Script) -> Refuses:
    return lambda body: script if field in body else None


def _each(*refuses: Refuses) -> Refuses:
    return lambda body: next((script for refuse in refuses if (script := refuse(body)) is not None), None)


def _system(body: dict[str, Any]) -> Script | None:
    return _said("System role not supported") if body["messages"][0]["role"] == "system" else None


CASES: dict[str, tuple[Refuses, int]] = {
    "RQ-01 once": (_where("max_tokens", _openai("max_tokens")), 2),
    "RQ-01 both": (
        _each(_where("max_tokens", _openai("max_tokens")), _where("max_completion_tokens", _said("Unsupported parameter: 'max_completion_tokens'", 422))),
        3,
    ),
    "RQ-02": (_where("temperature", _openai("temperature", "unsupported_value")), 2),
    "RQ-03 Mistral": (_where("stream_options", MISTRAL), 2),
    "RQ-03 Azure": (_where("stream_options", _said("Extra parameters ['stream_options'] are not allowed")), 2),
    "RQ-05": (_system, 2),
    "RQ-13 Gemini": (_where("seed", refusal(400, [{"error": {"code": 400, "message": 'Unknown name "seed": Cannot find field.', "status": "INVALID_ARGUMENT"}}])), 2),
    "RQ-13 Groq": (_where("seed", _said("property 'seed' is unsupported")), 2),
    "composed": (
        _each(
            _where("max_tokens", _openai("max_tokens")),
            _where("temperature", _openai("temperature", "unsupported_value")),
            _where("seed", _said("Unrecognized request argument supplied: seed")),
        ),
        4,
    ),
    "ER-14": (lambda body: refusal(400, WRAPPED) if body["stream"] else None, 2),
}  # fmt: skip
FINAL: dict[str, tuple[Refuses, int]] = {
    "any other 400": (lambda _: _said("no"), 1),
    "what cannot be left out": (lambda _: _openai("messages"), 1),
    "what is not sent": (lambda _: _openai("logit_bias"), 1),
    "without an end": (lambda body: _openai("max_tokens" if "max_tokens" in body else "max_completion_tokens"), 3),
}


def _unless_refused(refuses: Refuses) -> Answers:
    def answers(call: Call) -> Script:
        whole = b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
        return refuses(call.body) or (answer(text("Hi")) if call.body["stream"] else [head, whole])

    return answers


async def _outcomes(workers: WorkerEnvironment, cases: dict[str, tuple[Refuses, int]]) -> dict[str, Sequence[object]]:
    """Of two turns each: the number of calls, the answers with their attempts, the codes of failures."""
    outcomes: dict[str, Sequence[object]] = {}
    for number, (refuses, _) in cases.items():
        said, failed = [], []
        async with workers.provider(_unless_refused(refuses)) as provider, workers.runner():
            for _ in range(2):
                begun = await workers.asked(model="m", provider="bytes")
                await workers.broker.no_jobs()
                record = await workers.record(begun)
                said += [(entry.content, entry.attempt_number) for entry in record.entries]
                failed += [one.failure.code for one in record.generations if one.failure]
        outcomes[number] = (len(provider.calls), said, failed)
    return outcomes


async def test_a_field_is_left_out_once_and_remembered(workers: WorkerEnvironment) -> None:
    outcomes = await _outcomes(workers, CASES)
    # The second turn asks as the first one learned to.
    assert outcomes == {number: (calls + 1, [("Hi", 1), ("Hi", 1)], []) for number, (_, calls) in CASES.items()}


async def test_what_nothing_can_be_left_out_of_is_final(workers: WorkerEnvironment) -> None:
    outcomes = await _outcomes(workers, FINAL)
    assert outcomes == {number: (2 * calls, [], ["provider_error"] * 2) for number, (_, calls) in FINAL.items()}
