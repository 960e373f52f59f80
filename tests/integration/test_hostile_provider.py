"""What a provider may send, byte by byte, through the whole llm-runner: every job ends, every call is counted."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

import llm_runner.results
from integration.llm_runner_world import World, names, turn, world
from llm_runner.providers.answer import MOST_CHARACTERS
from sample_runs import message
from shared.contracts.bounds import BROKER_PAYLOAD_BYTES
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.contracts.words import Purpose, Side
from shared.routing import ModelEntry, ProviderEntry, Registry
from shared.settings import NatsSettings
from shared.topology.bootstrap import bootstrap
from support.byte_provider import (
    COUNTED,
    DONE,
    RESET,
    STAY,
    STOP,
    STREAM,
    ByteProvider,
    Script,
    Wait,
    answer,
    by_model,
    byte_provider,
    choice,
    frame,
    refusal,
    text,
    tool,
    usage,
)

KEY = "sk-canary-0123456789abcdefghijklmnop"
PRICE = 1.0
HI = text("Hi")
LONG = "a" * 1000
ODD_COUNTS: Mapping[str, object] = {
    "null": None,
    "text": "12",
    "half": 1.5,
    "huge": 1e30,
    "minus": -5,
    "true": True,
    "list": [1],
    "object": {"a": 1},
    "beyond": 10**25,
}


class Endless:
    """One step for ever; read anew with each call."""

    def __init__(self, head: bytes, step: bytes) -> None:
        self._head = head
        self._step = step

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        while True:
            yield self._step


def _named(name: object) -> Script:
    return answer(tool(index=0, id="a", function={"name": name, "arguments": "{}"}))


def _called(arguments: object, **piece: object) -> Script:
    return answer(tool(**({"index": 0, "id": "a"} | piece), function={"name": "x", "arguments": arguments}))


TALKS = ("Hi", 1)
"""The answer stands, after one call."""
TOOLS = ("", 1)
FAILS = ("provider_error", 1)
FAILS_AGAIN = ("provider_error", 3)
LATE = ("provider_timeout", 3)

ANSWERS: dict[str, tuple[Script, tuple[str, int]]] = {
    # Counts that are none are estimated: the answer is whole.
    **{
        f"prompt tokens {name}": (
            [STREAM, HI, STOP, usage({"prompt_tokens": odd, "completion_tokens": 1}), DONE],
            TALKS,
        )
        for name, odd in ODD_COUNTS.items()
    },
    **{
        f"completion tokens {name}": ([STREAM, HI, STOP, usage({"prompt_tokens": 3, "completion_tokens": odd})], TALKS)
        for name, odd in ODD_COUNTS.items()
    },
    **{f"usage {name}": ([STREAM, HI, usage(odd), STOP, DONE], TALKS) for name, odd in ODD_COUNTS.items()},
    "counts missing": ([STREAM, HI, usage({"prompt_tokens": 3}), STOP, DONE], TALKS),
    "counts beside each text": (
        [STREAM, choice({"content": "Hi"}, None, usage={"prompt_tokens": None}), STOP, COUNTED],
        TALKS,
    ),
    "usage infinite": ([STREAM, HI, STOP, b'data: {"choices":[],"usage":{"prompt_tokens":1e999}}\n\n', DONE], TALKS),
    # How it ended.
    "finish reason number": ([STREAM, HI, choice({}, 7), COUNTED, DONE], TALKS),
    "finish reason object": ([STREAM, HI, choice({}, {"a": [1]}), COUNTED, DONE], TALKS),
    "finish reason long": ([STREAM, HI, choice({}, "x" * 3_000_000), COUNTED, DONE], TALKS),
    "finish reason empty at first": ([STREAM, choice({"content": "Hi"}, ""), STOP, DONE], TALKS),
    "finish reason empty, then cut": ([STREAM, choice({"content": "Hi"}, "")], FAILS_AGAIN),
    "finish reason error": ([STREAM, HI, choice({}, "error"), DONE], FAILS_AGAIN),
    "finish reason ours": ([STREAM, HI, choice({}, "stopped"), DONE], TALKS),
    # Tool calls.
    "tool id number": (_called("{}", id=7), TOOLS),
    "tool id object": (_called("{}", id={"a": 1}), TOOLS),
    "tool id long": (_called("{}", id="i" * 1_000_000), TOOLS),
    "tool name number": (_named(7), FAILS_AGAIN),
    "tool name list": (_named(["x"]), FAILS_AGAIN),
    "tool name long": (_named("n" * 1_000_000), FAILS_AGAIN),
    "tool index half": (_called("{}", index=0.5), FAILS_AGAIN),
    "tool index minus": (_called("{}", index=-1), FAILS_AGAIN),
    "tool index huge": (_called("{}", index=10**30), FAILS_AGAIN),
    "tool arguments object": (_called({"a": {"b": 1}}), TOOLS),
    "tool arguments number": (_called(7), FAILS_AGAIN),
    "tool arguments of a megabyte": (_called('{"a":"' + "x" * 1_100_000 + '"}'), FAILS),
    "tool arguments in quotes": (_called('{"a":"' + '\\"' * 120_000 + '"}'), TOOLS),
    "tool arguments in more quotes": (_called('{"a":"' + '\\"' * 130_000 + '"}'), FAILS),
    "tool arguments in pieces": (
        [STREAM, *[tool(index=0, function={"name": "x", "arguments": " " * 9000})] * 200, STOP],
        FAILS,
    ),
    "tool arguments deep": (_called('{"a":' * 300 + "1" + "}" * 300), FAILS_AGAIN),
    "tool arguments half a character": (_called('{"a":"\\ud83d"}'), FAILS_AGAIN),
    "many tools": ([STREAM, *[tool(index=n, function={"name": "x"}) for n in range(500)], STOP, DONE], FAILS),
    # Text.
    "text of 17 MB": ([STREAM, *[text(LONG * 100)] * 170, STOP, COUNTED, DONE], FAILS),
    "text of 17 MB at once": ([STREAM, text(LONG * 17_000), STOP, DONE], FAILS_AGAIN),
    "text without an end": (Endless(STREAM, text(LONG * 10)), FAILS),
    "text number": ([STREAM, text(7), STOP, DONE], FAILS_AGAIN),
    "text list": ([STREAM, text([{"type": "text", "text": "Hi"}]), STOP, DONE], FAILS_AGAIN),
    "text none": ([STREAM, STOP, COUNTED, DONE], FAILS_AGAIN),
    "text with NUL": (answer(text("H\0i")), ("H\0i", 1)),
    "a character in halves": (answer(text("\ud83d"), text("\ude00")), ("\U0001f600", 1)),
    "a character in halves, slowly": ([STREAM, text("a\ud83d"), Wait(0.1), text("\ude00"), STOP], ("a\U0001f600", 1)),
    "half a character": (answer(text("Hi\ud83d"), text("!\ude00")), ("Hi\ufffd!\ufffd", 1)),
    "half a character at the end": (answer(text("Hi\ud83d")), ("Hi\ufffd", 1)),
    # Frames.
    "no JSON": ([STREAM, HI, b"data: {\n\n", STOP, DONE], FAILS_AGAIN),
    "deep JSON": ([STREAM, HI, b"data: " + b"[" * 200_000 + b"\n\n", STOP], FAILS_AGAIN),
    "deep object": ([STREAM, b'data: {"choices":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"\n\n"], FAILS_AGAIN),
    "choices object": ([STREAM, frame({"choices": {"0": 1}}), STOP], FAILS_AGAIN),
    "choices text": ([STREAM, frame({"choices": "x"}), STOP], FAILS_AGAIN),
    "delta text": ([STREAM, choice("Hi"), STOP], FAILS_AGAIN),
    "frame list": ([STREAM, frame([1]), STOP], FAILS_AGAIN),
    "not UTF-8": ([STREAM, b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', STOP], FAILS_AGAIN),
    "a line without an end": (Endless(STREAM, b"data: " + b"x" * 60_000), FAILS_AGAIN),
    "an event without an end": (Endless(STREAM, b"data: x\n" * 1000), FAILS_AGAIN),
    "an event of empty lines": (Endless(STREAM, b"data:\n" * 10_000), FAILS_AGAIN),
    "comments without an end": (Endless(STREAM, b": x\n\n" * 100), LATE),
    "nothing": ([STREAM, STAY], LATE),
    "no reason": ([STREAM, HI], FAILS_AGAIN),
    "reset": ([STREAM, HI, Wait(0.05), RESET], FAILS_AGAIN),
    # HTTP.
    "no HTTP": ([b"\x16\x03\x01\0\0"], FAILS_AGAIN),
    "hung up": ([], FAILS_AGAIN),
    "a length that is none": ([STREAM.replace(b"Connection", b"Content-Length: x\r\nConnection"), HI], FAILS_AGAIN),
    "a header that is none": ([STREAM.replace(b"Connection", b"A\0B: \x01\r\nConnection"), HI], FAILS_AGAIN),
    "headers without an end": (Endless(b"HTTP/1.1 200 OK\r\n", b"A: " + b"x" * 1000 + b"\r\n"), FAILS_AGAIN),
    "chunks that are none": (
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", HI],
        FAILS_AGAIN,
    ),
    "gzip that is none": ([STREAM.replace(b"Connection", b"Content-Encoding: gzip\r\nConnection"), HI], FAILS_AGAIN),
    "retry after ages": (refusal(429, {}, retry_after="1e400"), FAILS_AGAIN),
    "retry after a name": (refusal(503, {}, retry_after="\u00b2", retry_after_ms="nan"), FAILS_AGAIN),
    "retry after the past": (refusal(503, {}, retry_after="Wed, 21 Oct 0000 07:28:00 GMT"), FAILS_AGAIN),
    "refused": (refusal(400, {"error": {"message": ["x"], "code": {"a": 1}}}), FAILS),
    "refused without an end": (Endless(b"HTTP/1.1 400 Bad\r\n\r\n", b"x" * 10_000), FAILS),
    # Errors inside a stream.
    "key refused in a stream": (
        [STREAM, frame({"error": {"message": f"bad {KEY}", "code": "invalid_api_key"}})],
        FAILS,
    ),
    "error number": ([STREAM, frame({"error": 7})], FAILS_AGAIN),
    "error after the end": ([STREAM, HI, STOP, frame({"error": {"message": "late"}})], TALKS),
}


@asynccontextmanager
async def hostile(engine: World, scripts: Mapping[str, Script], **entry: Any) -> AsyncIterator[ByteProvider]:
    """A provider `hostile` beside the world's own, a model for each script."""
    async with byte_provider(by_model(scripts)) as provider:
        priced = ModelEntry(input_usd_per_million=PRICE, output_usd_per_million=PRICE)
        models = dict.fromkeys(scripts, priced)
        known = ProviderEntry(base_url=provider.base_url, models=models, **entry)
        engine.registry = Registry(providers={**engine.registry.providers, "hostile": known})
        await bootstrap(engine.client, engine.store, NatsSettings(nats_url=engine.nats_url), engine.registry)
        yield provider


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made:
        yield made


async def ask(engine: World, model: str, **fields: Any) -> Run:
    begun = await engine.begin()
    await engine.ask(turn(begun, model=model, provider="hostile", **fields))
    return begun


async def end_of(engine: World, begun: Run) -> str | None:
    """The answer's text, or the code of the failure; None where there is neither."""
    entries = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    failures = await engine.store.generations.of_run(begun.id)
    ends = [entry.content for entry in entries] + [one.failure.code for one in failures if one.failure]
    return ends[0] if len(ends) == 1 else None


async def booked(engine: World, begun: Run) -> list[Entry | UsageRow | Generation]:
    """All that was spent on a run."""
    entries = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    return [*entries, *await engine.store.usage.of_run(begun.id)]


async def test_every_answer_ends_its_job_and_is_bought_as_often_as_its_family_says(engine: World) -> None:
    scripts = {name: script for name, (script, _) in ANSWERS.items()}
    async with hostile(engine, scripts) as provider:
        runs = {name: await ask(engine, name) for name in ANSWERS}
        async with engine.runner():
            await engine.settled(patience=90)
        ended = {name: (await end_of(engine, begun), len(provider.calls_of(name))) for name, begun in runs.items()}
        assert ended == {name: expected for name, (_, expected) in ANSWERS.items()}
        for name, begun in runs.items():
            rows = await booked(engine, begun)
            assert len(rows) == ended[name][1], name
            for row in rows:
                usage = row.usage
                # Never less than nothing, and never more than the longest answer: a million characters, estimated.
                assert 0 <= usage.completion_tokens <= MOST_CHARACTERS, name
                assert 0 <= usage.cost_nanos <= 1000 * PRICE * (MOST_CHARACTERS + 1000), name
            assert len(await engine.dones()) == len(ANSWERS)


async def test_an_answer_that_outgrows_its_bound_is_closed_and_charged(engine: World) -> None:
    async with hostile(engine, {"endless": Endless(STREAM, text(LONG))}) as provider:
        begun = await ask(engine, "endless")
        async with engine.runner():
            await engine.settled()
        (row,) = await engine.store.usage.of_run(begun.id)
        assert (row.outcome, len(provider.calls), row.estimated) == ("failed", 1, True)
        assert row.usage.completion_tokens == MOST_CHARACTERS // 4
        assert row.partial is not None
        assert row.partial.startswith("aaaa")
        (letter,) = await engine.dead_letters()
        assert len(orjson.dumps(letter)) < BROKER_PAYLOAD_BYTES
    assert provider.open == 0


async def test_a_long_delta_reaches_its_readers_in_parts(engine: World) -> None:
    said = "\x01" * 150_000
    async with hostile(engine, {"long": answer(text(said))}):
        begun = await ask(engine, "long")
        async with engine.runner():
            await engine.settled()
        deltas = await engine.deltas(begun.id)
        assert names(deltas, "i") == list(range(len(deltas)))
        assert "".join(names(deltas, "text")) == said
        assert await end_of(engine, begun) == said


class Fault(Exception):
    """Stands for one."""


def _break(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Our own code fails on the answer, so many times."""
    told = llm_runner.results.message_entry
    failures = iter(range(times))

    def broken(*given: Any, **named: Any) -> Entry:
        if next(failures, None) is not None:
            raise Fault(f"at {KEY}")
        return told(*given, **named)

    monkeypatch.setattr("llm_runner.outcomes.message_entry", broken)


async def test_an_exception_of_ours_is_tried_once_more_then_final(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, 99)
    engine.keys = {"HOSTILE": KEY}
    async with hostile(engine, {"m": answer(text('Paid "for"'))}, key_variable="HOSTILE") as provider:
        begun = await ask(engine, "m")
        async with engine.runner():
            await engine.settled()
        assert len(provider.calls) == 2
        rows = await engine.store.usage.of_run(begun.id)
        assert [(row.outcome, row.partial, row.usage.prompt_tokens) for row in rows] == [
            ("broken", 'Paid "for"', 3),
            ("broken", 'Paid "for"', 3),
        ]
        assert await end_of(engine, begun) == "internal"
        (done,) = await engine.dones()
        (letter,) = await engine.dead_letters()
        assert done["failure"]["code"] == letter["failure"]["code"] == "internal"
        assert letter["answer"] == 'Paid "for"'
        assert "Fault" in letter["traceback"]
        assert "in broken" in letter["traceback"]
        assert "outcomes.py" in letter["traceback"]
        assert KEY not in orjson.dumps(letter).decode()
        assert names(await engine.facts(begun.id), "type").count("attempt.discarded") == 2


async def test_an_exception_of_ours_that_does_not_come_again_costs_one_call_more(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, 1)
    async with hostile(engine, {"m": answer(HI)}) as provider:
        begun = await ask(engine, "m")
        async with engine.runner():
            await engine.settled()
        assert (await end_of(engine, begun), len(provider.calls)) == ("Hi", 2)
        assert await engine.dead_letters() == []


async def test_another_runner_counts_the_exceptions_of_the_first(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, 99)
    async with hostile(engine, {"m": answer(HI)}) as provider:
        begun = await ask(engine, "m")
        async with engine.runner(), engine.runner():
            await engine.settled()
        # The same job once more, as after a lost queue: what failed is known.
        await engine.ask(turn(begun, model="m", provider="hostile", repeat=True, hop=1))
        async with engine.runner():
            await engine.settled()
        assert (await end_of(engine, begun), len(provider.calls)) == ("internal", 2)


async def test_an_exception_before_the_call_ends_the_job_without_one(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise Fault

    monkeypatch.setattr("llm_runner.handlers.build_prompt", broken)
    async with hostile(engine, {"m": answer(HI)}) as provider:
        begun = await ask(engine, "m")
        async with engine.runner():
            await engine.settled()
        assert (await end_of(engine, begun), len(provider.calls)) == ("internal", 0)
        assert names(await engine.dead_letters(), "key") == [turn(begun).key]


async def test_an_exception_after_the_answer_was_stored_costs_no_second_call(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Fault

    monkeypatch.setattr("llm_runner.announcing.done", broken)
    async with hostile(engine, {"m": answer(HI)}) as provider:
        begun = await ask(engine, "m")
        async with engine.runner():
            await engine.settled()
        assert (await end_of(engine, begun), len(provider.calls)) == ("Hi", 1)
        assert len(await engine.dead_letters()) == 1


async def test_a_chat_whose_answer_broke_our_code_says_error(engine: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _break(monkeypatch, 99)
    async with hostile(engine, {"m": answer(HI)}) as provider:
        begun = await engine.begin()
        conversation = conversation_id(begun.id, 1)
        await engine.store.entries.insert(message(conversation, 1))
        await engine.ask(turn(begun, 2, model="m", provider="hostile", purpose=Purpose.CHAT, side=Side.AGENT))
        async with engine.runner():
            await engine.settled()
        last = (await engine.store.entries.transcript(conversation))[1]
        assert (last.finish_reason, last.content, len(provider.calls)) == ("error", "", 2)
        assert last.error is not None
        assert last.error.code == "internal"


async def test_what_cannot_be_stored_fails_without_a_second_call(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_runner.providers.answer.MOST_CHARACTERS", 10**9)
    async with hostile(engine, {"m": [STREAM, *[text(LONG * 1000)] * 18, STOP, COUNTED, DONE]}) as provider:
        begun = await ask(engine, "m")
        async with engine.runner():
            await engine.settled()
        assert (await end_of(engine, begun), len(provider.calls)) == ("provider_error", 1)
        (letter,) = await engine.dead_letters()
        assert "cannot be stored" in letter["failure"]["message"]
        assert letter["answer"].startswith("aaaa")
        assert len(orjson.dumps(letter)) < BROKER_PAYLOAD_BYTES
