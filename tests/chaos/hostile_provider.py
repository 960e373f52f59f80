"""A provider that answers what no provider should: half answers, odd types, torn characters, the key itself.

Each call gets the next of the scripts below, by the seed. What must hold: every run ends, nothing is bought again and
again, and the key stands nowhere.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from chaos.ledger import Call
from support import byte_provider as wire
from support.byte_provider import Script

NAME = "hostile"
MODELS = {tier: f"hostile-{tier}" for tier in ("fast", "standard", "premium")}
RETRIES = 2
"""What the policy allows after a failed call of a generation, and more than an exception of our own may cost."""

_Answer = Callable[[wire.Call], Script]


def registry_entry(base_url: str, key_variable: str) -> dict[str, Any]:
    """What a registry says of it: an ordinary provider, with a model of every tier."""
    model = {"contextWindow": 32_000, "maxOutputTokens": 4_096, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
    models = {name: model | {"tier": tier} for tier, name in MODELS.items()}
    return {
        "baseUrl": base_url,
        "keyVariable": key_variable,
        "concurrency": 16,
        "liveConcurrency": 4,
        "models": models,
    }


def _counted(counts: object) -> _Answer:
    return lambda _: [wire.STREAM, wire.text("Well then."), wire.STOP, wire.usage(counts), wire.DONE]


def _ended(reason: object) -> _Answer:
    return lambda _: [wire.STREAM, wire.text("Well then."), wire.choice({}, reason), wire.COUNTED, wire.DONE]


def _said(*events: bytes) -> _Answer:
    return lambda _: wire.answer(*events)


def _key_in_stream(call: wire.Call) -> Script:
    error = {"message": f"Incorrect API key provided: {_key(call)}", "code": "invalid_api_key"}
    return [wire.STREAM, wire.frame({"error": error})]


def _key_refused(call: wire.Call) -> Script:
    return wire.refusal(400, {"error": {"message": "x" * 270 + _key(call), "code": "bad_request"}})


def _key(call: wire.Call) -> str:
    return call.headers.get("authorization", "").removeprefix("Bearer ")


def _endless_event(_: wire.Call) -> Script:
    yield wire.STREAM
    while True:
        yield b"data: " + b"x" * 60_000 + b"\n"


def _endless_text(_: wire.Call) -> Script:
    yield wire.STREAM
    piece = wire.text("word " * 10_000)
    while True:
        yield piece


ANSWERS: tuple[_Answer, ...] = (
    _counted(None),
    _counted({"prompt_tokens": None, "completion_tokens": "12"}),
    _counted({"prompt_tokens": 1.5, "completion_tokens": 1e30}),
    _counted({"prompt_tokens": -5, "completion_tokens": -9}),
    _counted([1, 2]),
    _ended(7),
    _ended({"why": "stop"}),
    _ended("s" * 3_000_000),
    _said(wire.tool(index="x", id=5, function={"name": ["n"], "arguments": 7})),
    _said(wire.tool(index=0, id="a", function={"name": "find", "arguments": "a" * 1_100_000})),
    _said(wire.text("an emoji in two halves \ud83d"), wire.text("\ude00 and half of one \ud83d")),
    _said(wire.text("nothing \x00 of this \u2028 is \u202e odd")),
    _said(wire.frame({"choices": {"0": "a"}}), wire.text("late")),
    _said(b"data: " + b"[" * 5_000 + b"]" * 5_000 + b"\n\n"),
    lambda _: [wire.STREAM, wire.text("cut off"), wire.RESET],
    lambda _: [wire.STREAM, b"data: {\xff\xfe\n\n"],
    lambda _: [
        b"HTTP/1.1 200 OK\r\nX-Odd: \x80\xff\r\n",
        wire.STREAM.partition(b"\r\n")[2],
        wire.text("odd"),
        wire.STOP,
    ],
    lambda _: wire.refusal(429, {"error": "slow down"}, Retry_After="1e400"),
    lambda _: wire.refusal(500, b"\xff" * 100_000),
    _key_in_stream,
    _key_refused,
    _endless_event,
    _endless_text,
)


@asynccontextmanager
async def hostile_provider(seed: int, ledger: list[Call], moment: Callable[[], float]) -> AsyncIterator[str]:
    """One that listens at the base URL it yields, and writes down what it is asked."""
    random = Random(f"hostile provider of {seed}")

    def answer(call: wire.Call) -> Script:
        ledger.append(Call(call.headers.get("x-client-request-id"), moment(), call.model, prompt_tokens=0))
        return random.choice(ANSWERS)(call)

    async with wire.byte_provider(answer) as listening:
        yield listening.base_url
