"""Where a generation goes when its target fails, through the whole llm-runner with two providers of one model."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.llm_runner.world import World, names, played_by, turn, world
from llm_runner.settings import BreakerSettings, RetrySettings
from shared.contracts.breakers import OpenBreaker
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import Fallback, Tier
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested
from shared.routing import ModelEntry, ProviderEntry, Registry
from shared.settings import NatsSettings
from shared.storage.accounts import AccountChange, Reserve
from shared.topology.bootstrap import bootstrap
from support.byte_provider import (
    DONE,
    RESET,
    STREAM,
    ByteProvider,
    Script,
    Wait,
    answer,
    byte_provider,
    choice,
    frame,
    refusal,
    text,
)

GOOD = answer(text("Good "), text("day."))
HERE, THERE = "here/big", "there/big"
DOWN = refusal(500, {"error": {"message": "down"}})
ONCE = RetrySettings(retries_fast=0, retries_standard=0, retries_premium=0, backoff_first_seconds=0.01)


@dataclass
class Two:
    """Two providers of the model `big`; the second has an `other` one of the same tier, too."""

    engine: World
    here: ByteProvider
    there: ByteProvider

    async def played(self, fallback: Fallback = Fallback.HOST, **fields: Any) -> Run:
        """One turn, to its end."""
        begun = await self.engine.begin()
        await self.engine.ask(self.job(begun, fallback, **fields))
        async with self.engine.runner():
            await self.engine.settled()
        return begun

    def job(self, begun: Run, fallback: Fallback = Fallback.HOST, **fields: Any) -> GenerationRequested:
        return turn(begun, provider="here", model="big", fallback=fallback, **fields)

    async def entry(self, begun: Run) -> Entry:
        (entry,) = await self.engine.store.entries.transcript(conversation_id(begun.id, 1))
        return entry

    @property
    def calls(self) -> tuple[int, int]:
        return len(self.here.calls), len(self.there.calls)


@asynccontextmanager
async def two(engine: World, here: Script, there: Script = GOOD, price: float = 1.0) -> AsyncIterator[Two]:
    """Each provider answers every call with its script."""

    def by(script: Script) -> object:
        return lambda call: script if isinstance(script, list) else script(call)  # type: ignore[operator]

    async with byte_provider(by(here)) as first, byte_provider(by(there)) as second:  # type: ignore[arg-type]
        one = ModelEntry(input_usd_per_million=1.0, output_usd_per_million=1.0, context_window=1000)
        dear = one.model_copy(update={"input_usd_per_million": price, "output_usd_per_million": price})
        large = ModelEntry(tier=Tier.STANDARD, context_window=100_000)
        engine.registry = Registry(
            providers={
                "here": ProviderEntry(base_url=first.base_url, models={"big": one}),
                "there": ProviderEntry(base_url=second.base_url, models={"big": dear, "other": large}),
            }
        )
        await bootstrap(engine.client, engine.store, NatsSettings(nats_url=engine.nats_url), engine.registry)
        yield Two(engine, first, second)


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[World]:
    async with world(fresh_nats_url, mongo_url) as made:
        made.retries = ONCE
        yield made


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (refusal(401, {"error": {"message": "wrong key"}}), Family.AUTH),
        (refusal(402, {"error": {"message": "no credits"}}), Family.BILLING),
        (refusal(429, {"error": {"message": "slow down"}}), Family.RATE_LIMIT),
        (refusal(429, {"error": {"message": "slow down"}}, retry_after="86400"), Family.RATE_LIMIT),
        (DOWN, Family.SERVER_ERROR),
        (refusal(503, {"error": {"message": "busy"}}), Family.OVERLOADED),
        (refusal(404, {"error": {"code": "model_not_found"}}), Family.MODEL_NOT_FOUND),
        ([STREAM, text("Half "), RESET], Family.CUT),
        ([STREAM, text("Half an")], Family.CUT),
        ([STREAM, Wait(9)], Family.TIMEOUT),
        ([STREAM, text("Half"), Wait(9)], Family.TIMEOUT),
        ([STREAM, b"data: {\n\n"], Family.PROTOCOL),
        ([STREAM, frame({"error": {"code": 502, "message": "upstream"}})], Family.SERVER_ERROR),
    ],
    ids=lambda value: value if isinstance(value, Family) else "",
)
async def test_a_fault_leads_to_the_same_model_elsewhere(engine: World, fault: Script, family: Family) -> None:
    async with two(engine, fault) as pair:
        begun = await pair.played()
        entry = await pair.entry(begun)
    assert (entry.content, entry.provider, entry.model) == ("Good day.", "there", "big")
    rows = await engine.store.usage.of_run(begun.id)
    assert {(row.outcome, row.family, row.provider) for row in rows} == {("failed", family, "here")}
    assert pair.calls == (len(rows), 1)
    discarded = [fact for fact in await engine.facts(begun.id) if fact["type"] == "attempt.discarded"]
    assert discarded[-1]["next"] == "fallback"
    assert (discarded[-1]["nextProvider"], discarded[-1]["nextModel"]) == ("there", "big")
    assert discarded[-1]["family"] == family
    assert len(await engine.dones()) == 1
    assert await engine.dead_letters() == []


@pytest.mark.parametrize(
    ("fault", "fallback", "elsewhere"),
    [
        (DOWN, Fallback.NONE, 0),
        (refusal(400, {"error": {"message": "no such field"}}), Fallback.MODEL, 0),
        (refusal(400, {"error": {"code": "content_filter", "message": "no"}}), Fallback.MODEL, 0),
        (refusal(400, {"error": {"code": "context_length_exceeded"}}), Fallback.HOST, 0),
    ],
)
async def test_what_another_target_may_not_or_cannot_mend_is_final(
    engine: World, fault: Script, fallback: Fallback, elsewhere: int
) -> None:
    async with two(engine, fault) as pair:
        begun = await pair.played(fallback)
    (failed,) = await engine.store.generations.of_run(begun.id)
    assert failed.failure is not None
    assert pair.calls == (1, elsewhere)
    assert len(await engine.dead_letters()) == 1


async def test_an_answer_that_is_too_long_goes_to_a_larger_window_only(engine: World) -> None:
    async with two(engine, refusal(400, {"error": {"code": "context_length_exceeded"}})) as pair:
        begun = await pair.played(Fallback.MODEL)
        entry = await pair.entry(begun)
    assert (entry.provider, entry.model) == ("there", "other")
    assert pair.calls == (1, 1)


async def test_a_chain_ends_and_each_of_its_routes_was_asked_once(engine: World) -> None:
    async with two(engine, DOWN, DOWN) as pair:
        begun = await pair.played(Fallback.MODEL)
    (failed,) = await engine.store.generations.of_run(begun.id)
    assert failed.failure is not None
    assert failed.failure.family is Family.SERVER_ERROR
    assert pair.calls == (1, 2)
    assert [call.model for call in pair.there.calls] == ["big", "other"]


async def test_a_target_that_failed_too_often_is_left_alone_and_probed_by_one_call(engine: World) -> None:
    engine.breakers = BreakerSettings(breaker_failures=3, breaker_open_seconds=1.0)
    answers: list[Script] = [DOWN] * 3
    async with two(engine, lambda _: answers.pop() if answers else GOOD) as pair:  # type: ignore[arg-type]
        for _ in range(3):
            await engine.ask(pair.job(await engine.begin()))
        async with engine.runner():
            await engine.settled()
        (breaker,) = await engine.store.breakers.all()
        assert (breaker.id, breaker.family) == (HERE, Family.SERVER_ERROR)
        await pair.played()
        assert pair.calls == (3, 4)
        await engine.store.breakers.open(breaker.model_copy(update={"open_until": now()}))
        begun = await pair.played()
        assert (await pair.entry(begun)).provider == "here"
    assert await engine.store.breakers.all() == []
    assert pair.calls == (4, 4)


def _left_alone(target: str, seconds: float) -> OpenBreaker:
    until = now() + timedelta(seconds=seconds)
    return OpenBreaker(id=target, open_until=until, family=Family.OVERLOADED, message="busy")


async def test_a_job_whose_targets_are_all_left_alone_waits_for_the_first_of_them(engine: World) -> None:
    async with two(engine, GOOD) as pair:
        await engine.store.breakers.open(_left_alone(HERE, 1.5))
        await engine.store.breakers.open(_left_alone(THERE, 60))
        before = datetime.now(UTC)
        begun = await pair.played()
        entry = await pair.entry(begun)
    assert entry.provider == "here"
    assert entry.created_at - before >= timedelta(seconds=1)
    assert pair.calls == (1, 0)


async def test_a_job_nobody_waits_for_that_long_fails_at_once_and_says_when(engine: World) -> None:
    async with two(engine, GOOD) as pair:
        for target in (HERE, THERE):
            await engine.store.breakers.open(_left_alone(target, 7 * 86_400))
        begun = await pair.played()
    (failed,) = await engine.store.generations.of_run(begun.id)
    assert failed.failure is not None
    assert failed.failure.code == "models_unavailable"
    assert HERE in failed.failure.message
    assert failed.failure.retry_after is not None
    assert failed.failure.retry_after > 86_400
    assert pair.calls == (0, 0)


async def test_what_is_dearer_elsewhere_is_reserved_first_or_not_asked_for(engine: World) -> None:
    async with two(engine, DOWN, price=1000.0) as pair:
        for room, calls in ((10**12, 1), (1_000_000, 0)):
            begun = await engine.begin()
            await engine.store.database["runs"].update_one({"_id": begun.id}, {"$set": {"budget.max": room}})
            await engine.store.runs.account(begun.id, AccountChange(1, (Reserve("turn", 1, 1000),)))
            pair.there.calls.clear()
            await engine.ask(pair.job(begun))
            async with engine.runner():
                await engine.settled()
            stored = await engine.store.database["runs"].find_one({"_id": begun.id})
            assert stored is not None
            assert (stored["budget"]["open"] > 1000) is bool(calls)
            assert len(pair.there.calls) == calls
    (failed,) = await engine.store.generations.of_run(begun.id)
    assert failed.failure is not None
    assert failed.failure.code == "budget_exceeded"


async def test_a_death_between_the_failure_and_the_next_route_asks_nobody_twice(engine: World) -> None:
    async with two(engine, DOWN) as pair:
        begun = await pair.played()
        # The job as it stood before its route was left: whoever published the next one died before it acknowledged.
        await engine.ask(pair.job(begun, replay=1))
        async with engine.runner():
            await engine.settled()
        assert pair.calls == (1, 1)
        assert (await pair.entry(begun)).provider == "there"
    assert names(await engine.dead_letters(), "key") == []


async def test_a_model_that_thought_its_budget_away_has_twice_the_room(engine: World) -> None:
    engine.retries = RetrySettings(backoff_first_seconds=0.01)
    thought = [STREAM, choice({"reasoning_content": "hm"}, "length"), DONE]
    answers: list[Script] = [GOOD, thought]
    async with two(engine, lambda _: answers.pop()) as pair:  # type: ignore[arg-type]
        begun = await pair.played(max_tokens=100)
        assert (await pair.entry(begun)).content == "Good day."
    assert [call.body["max_tokens"] for call in pair.here.calls] == [100, 200]


@pytest.mark.parametrize(("read", "warnings"), [(50, ("prompt_truncated",)), (2000, ())])
async def test_a_prompt_that_was_cut_in_silence_is_noticed(engine: World, read: int, warnings: tuple[str, ...]) -> None:
    said = {
        "message": {"content": "Hi"},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": read,
        "eval_count": 1,
    }
    script = [STREAM, json.dumps(said).encode()]
    async with byte_provider(lambda _: script) as provider:
        known = ProviderEntry(base_url=provider.base_url, dialect="ollama", models={"big": ModelEntry()})
        engine.registry = Registry(providers={"here": known})
        await bootstrap(engine.client, engine.store, NatsSettings(nats_url=engine.nats_url), engine.registry)
        begun = await engine.begin(played_by("big", "word " * 2000))
        await engine.ask(turn(begun, provider="here", model="big"))
        async with engine.runner():
            await engine.settled()
    (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
    assert entry.warnings == warnings
    assert [call.body["options"]["num_ctx"] for call in provider.calls] == [128_000]
