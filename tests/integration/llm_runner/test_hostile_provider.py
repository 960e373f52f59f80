"""What a provider may send, byte by byte, through the whole llm-runner: every job ends, every call is counted."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

import llm_runner.results
from integration.llm_runner.world import World, names, turn, world
from llm_runner.providers.answer import MOST_CHARACTERS
from shared.contracts.bounds import BROKER_PAYLOAD_BYTES
from shared.contracts.enums import Purpose, Side
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.routing import ModelEntry, ProviderEntry, Registry
from shared.settings import NatsSettings
from shared.topology.bootstrap import bootstrap
from support.builders import message
from support.byte_provider import (
    COUNTED,
    DONE,
    STOP,
    STREAM,
    ByteProvider,
    Script,
    answer,
    by_model,
    byte_provider,
    text,
)
from support.hostile_answers import HI, LONG, Endless, Outcome, hostile_answers

KEY = "sk-canary-0123456789abcdefghijklmnop"
PRICE = 1.0


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


async def played(engine: World, model: str) -> Run:
    """Asks, and waits until nothing is left to be done."""
    begun = await ask(engine, model)
    async with engine.runner():
        await engine.settled()
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
    answers = hostile_answers(KEY)
    scripts = {name: script for name, (script, _) in answers.items()}
    async with hostile(engine, scripts) as provider:
        runs = {name: await ask(engine, name) for name in answers}
        async with engine.runner():
            await engine.settled(patience=90)
        ended = {
            name: Outcome(await end_of(engine, begun), len(provider.calls_of(name))) for name, begun in runs.items()
        }
        assert ended == {name: expected for name, (_, expected) in answers.items()}
        for name, begun in runs.items():
            rows = await booked(engine, begun)
            assert len(rows) == ended[name].calls, name
            for row in rows:
                usage = row.usage
                # Never less than nothing, and never more than the longest answer: a million characters, estimated.
                assert 0 <= usage.completion_tokens <= MOST_CHARACTERS, name
                assert 0 <= usage.cost_nanos <= 1000 * PRICE * (MOST_CHARACTERS + 1000), name
            assert len(await engine.dones()) == len(answers)


async def test_an_answer_that_outgrows_its_bound_is_closed_and_charged(engine: World) -> None:
    async with hostile(engine, {"endless": Endless(STREAM, text(LONG))}) as provider:
        begun = await played(engine, "endless")
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
        begun = await played(engine, "long")
        deltas = await engine.deltas(begun.id)
        assert names(deltas, "i") == list(range(len(deltas)))
        assert "".join(names(deltas, "text")) == said
        assert await end_of(engine, begun) == said


class Fault(Exception):
    """Stands for one."""


def _broken(*_: Any, **__: Any) -> None:
    raise Fault


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
        begun = await played(engine, "m")
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
        begun = await played(engine, "m")
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
    monkeypatch.setattr("llm_runner.handlers.build_prompt", _broken)
    async with hostile(engine, {"m": answer(HI)}) as provider:
        begun = await played(engine, "m")
        assert (await end_of(engine, begun), len(provider.calls)) == ("internal", 0)
        assert names(await engine.dead_letters(), "key") == [turn(begun).key]


async def test_an_exception_after_the_answer_was_stored_costs_no_second_call(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_runner.announcer.done", _broken)
    async with hostile(engine, {"m": answer(HI)}) as provider:
        begun = await played(engine, "m")
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
        begun = await played(engine, "m")
        assert (await end_of(engine, begun), len(provider.calls)) == ("provider_error", 1)
        (letter,) = await engine.dead_letters()
        assert "cannot be stored" in letter["failure"]["message"]
        assert letter["answer"].startswith("aaaa")
        assert len(orjson.dumps(letter)) < BROKER_PAYLOAD_BYTES
