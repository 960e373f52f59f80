"""Where a generation goes when its target fails, through the whole llm-runner with two providers of one model."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llm_runner.settings import BreakerSettings, RetrySettings, SlotSettings
from shared.contracts.breakers import OpenBreaker
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import Fallback, Tier
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested
from shared.routing import ModelEntry, Registry
from shared.storage.accounts import AccountChange, Reserve
from support.builders import OPPONENT, scenario, turn, usage_row
from support.byte_provider import (
    DONE,
    RESET,
    STAY,
    STREAM,
    Answers,
    ByteProvider,
    Script,
    Wait,
    answer,
    choice,
    frame,
    refusal,
    text,
)
from support.eventually import eventually
from support.workers.environment import PRICED, WorkerEnvironment
from support.workers.run_record import RunRecord

GOOD = answer(text("Good "), text("day."))
HERE, THERE = "here/big", "there/big"
DOWN = refusal(500, {"error": {"message": "down"}})
ONCE = RetrySettings(retries_fast=0, retries_standard=0, retries_premium=0, backoff_first_seconds=0.01)


@dataclass
class Two:
    """Two providers of the model `big`; the second has an `other` one of the same tier, too."""

    workers: WorkerEnvironment
    here: ByteProvider
    there: ByteProvider

    async def played(self, fallback: Fallback = Fallback.HOST) -> RunRecord:
        """One turn, to its end."""
        begun = await self.workers.begin()
        await self.workers.ask(self.job(begun, fallback))
        return await self.workers.worked(begun)

    def job(self, begun: Run, fallback: Fallback = Fallback.HOST, **fields: Any) -> GenerationRequested:
        return turn(begun, provider="here", model="big", fallback=fallback, **fields)

    @property
    def calls(self) -> tuple[int, int]:
        return len(self.here.calls), len(self.there.calls)


@asynccontextmanager
async def two(
    workers: WorkerEnvironment, here: list[Any] | Answers, there: list[Any] = GOOD, price: float = 1.0
) -> AsyncIterator[Two]:
    """Each provider answers every call with its script; there are no others."""
    workers.registry, workers.retries = Registry(providers={}), ONCE
    big = PRICED.model_copy(update={"context_window": 1000})
    dear = big.model_copy(update={"input_usd_per_million": price, "output_usd_per_million": price})
    large = ModelEntry(tier=Tier.STANDARD, context_window=100_000)
    first = here if callable(here) else lambda _: here
    async with (
        workers.provider(first, "here", models={"big": big}) as one,
        workers.provider(lambda _: there, "there", models={"big": dear, "other": large}) as other,
    ):
        yield Two(workers, one, other)


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
async def test_a_fault_leads_to_the_same_model_elsewhere(
    workers: WorkerEnvironment, fault: list[Any], family: Family
) -> None:
    async with two(workers, fault) as pair:
        played = await pair.played()
    entry = played.entry
    assert (entry.content, entry.provider, entry.model) == ("Good day.", "there", "big")
    assert not entry.substituted
    assert {(row.outcome, row.family, row.provider) for row in played.rows} == {("failed", family, "here")}
    assert pair.calls == (len(played.rows), 1)
    discarded = [fact for fact in played.facts if fact["type"] == "attempt.discarded"]
    assert discarded[-1]["next"] == "fallback"
    assert (discarded[-1]["nextProvider"], discarded[-1]["nextModel"]) == ("there", "big")
    assert discarded[-1]["family"] == family
    assert len(await workers.broker.dones()) == 1
    assert await workers.broker.dead_letters() == []


@pytest.mark.parametrize(
    ("fault", "fallback"),
    [
        (DOWN, Fallback.NONE),
        (refusal(400, {"error": {"message": "no such field"}}), Fallback.MODEL),
        (refusal(400, {"error": {"code": "content_filter", "message": "no"}}), Fallback.MODEL),
        (refusal(400, {"error": {"code": "context_length_exceeded"}}), Fallback.HOST),
    ],
)
async def test_what_another_target_may_not_or_cannot_mend_is_final(
    workers: WorkerEnvironment, fault: list[Any], fallback: Fallback
) -> None:
    async with two(workers, fault) as pair:
        assert (await pair.played(fallback)).failure.code
    assert pair.calls == (1, 0)
    assert len(await workers.broker.dead_letters()) == 1


async def test_an_answer_that_is_too_long_goes_to_a_larger_window_only(workers: WorkerEnvironment) -> None:
    async with two(workers, refusal(400, {"error": {"code": "context_length_exceeded"}})) as pair:
        entry = (await pair.played(Fallback.MODEL)).entry
    assert (entry.provider, entry.model, entry.substituted) == ("there", "other", True)
    assert pair.calls == (1, 1)


async def test_a_chain_ends_and_each_of_its_routes_was_asked_once(workers: WorkerEnvironment) -> None:
    async with two(workers, DOWN, DOWN) as pair:
        played = await pair.played(Fallback.MODEL)
    assert played.failure.family is Family.SERVER_ERROR
    assert pair.calls == (1, 2)
    assert [call.model for call in pair.there.calls] == ["big", "other"]


async def test_a_target_that_failed_too_often_is_left_alone_and_probed_by_one_call(workers: WorkerEnvironment) -> None:
    workers.breakers = BreakerSettings(breaker_failures=3, breaker_open_seconds=1.0)
    answers: list[Script] = [DOWN] * 3
    async with two(workers, lambda _: answers.pop() if answers else GOOD) as pair:
        for _ in range(3):
            await workers.ask(pair.job(await workers.begin()))
        async with workers.runner():
            await workers.broker.no_jobs()
        (breaker,) = await workers.store.breakers.all()
        assert (breaker.id, breaker.family) == (HERE, Family.SERVER_ERROR)
        await pair.played()
        assert pair.calls == (3, 4)
        await workers.store.breakers.open(breaker.model_copy(update={"open_until": now()}))
        assert (await pair.played()).entry.provider == "here"
    assert await workers.store.breakers.all() == []
    assert pair.calls == (4, 4)


async def test_the_first_token_of_a_probe_lets_the_others_in(workers: WorkerEnvironment) -> None:
    workers.slots = SlotSettings(runner_stop_seconds=0.1)
    async with two(workers, [STREAM, text("Good "), STAY]) as pair:
        await workers.store.breakers.open(_left_alone(HERE, 0))
        for _ in range(2):
            await workers.ask(pair.job(await workers.begin(), Fallback.NONE))
        async with workers.runner():
            await eventually(lambda: pair.calls == (2, 0), "both are called, and neither has ended", 20)


def _left_alone(target: str, seconds: float) -> OpenBreaker:
    until = now() + timedelta(seconds=seconds)
    return OpenBreaker(id=target, open_until=until, family=Family.OVERLOADED, message="busy")


async def test_a_job_whose_targets_are_all_left_alone_waits_for_the_first_of_them(workers: WorkerEnvironment) -> None:
    async with two(workers, GOOD) as pair:
        await workers.store.breakers.open(_left_alone(HERE, 1.5))
        await workers.store.breakers.open(_left_alone(THERE, 60))
        before = datetime.now(UTC)
        entry = (await pair.played()).entry
    assert entry.provider == "here"
    assert entry.created_at - before >= timedelta(seconds=1)
    assert pair.calls == (1, 0)


async def test_a_job_nobody_waits_for_that_long_fails_at_once_and_says_when(workers: WorkerEnvironment) -> None:
    async with two(workers, GOOD) as pair:
        for target in (HERE, THERE):
            await workers.store.breakers.open(_left_alone(target, 7 * 86_400))
        failure = (await pair.played()).failure
    assert failure.code == "models_unavailable"
    assert HERE in failure.message
    assert failure.retry_after is not None
    assert failure.retry_after > 86_400
    assert pair.calls == (0, 0)


async def test_what_is_dearer_elsewhere_is_reserved_first_or_not_asked_for(workers: WorkerEnvironment) -> None:
    async with two(workers, DOWN, price=1000.0) as pair:
        for room, calls in ((10**12, 1), (1_000_000, 0)):
            begun = await workers.begin()
            await workers.store.database["runs"].update_one({"_id": begun.id}, {"$set": {"budget.max": room}})
            await workers.store.runs.account(begun.id, AccountChange(1, (Reserve("turn", 1, 1000),)))
            pair.there.calls.clear()
            await workers.ask(pair.job(begun))
            played = await workers.worked(begun)
            stored = await workers.store.database["runs"].find_one({"_id": begun.id})
            assert stored is not None
            assert (stored["budget"]["open"] > 1000) is bool(calls)
            assert len(pair.there.calls) == calls
    assert played.failure.code == "budget_exceeded"


async def test_a_death_between_the_failure_and_the_next_route_asks_nobody_twice(workers: WorkerEnvironment) -> None:
    async with two(workers, DOWN) as pair:
        begun = (await pair.played()).run
        # The job as it stood before its route was left: whoever published the next one died before it acknowledged.
        await workers.ask(pair.job(begun, replay=1))
        assert (await workers.worked(begun)).entry.provider == "there"
        assert pair.calls == (1, 1)
    assert await workers.broker.dead_letters() == []


async def test_a_route_that_was_refused_for_good_is_left_by_whoever_takes_the_job_next(
    workers: WorkerEnvironment,
) -> None:
    async with two(workers, GOOD) as pair:
        workers.retries = RetrySettings()
        begun = await workers.begin()
        job = pair.job(begun, repeat=True)
        route: dict[str, Any] = {"provider": "here", "model": "big", "conversation_id": job.conversation_id}
        refused: dict[str, Any] = {
            "outcome": "failed",
            "family": Family.AUTH,
            "reason": "provider_error: here refused the key",
        }
        await workers.store.usage.insert(usage_row(begun.id, job.key, id="attempt-of-a-dead-one", **route, **refused))
        await workers.ask(job)
        assert (await workers.worked(begun)).entry.provider == "there"
        assert pair.calls == (0, 1)


async def test_a_model_that_thought_its_budget_away_has_twice_the_room(workers: WorkerEnvironment) -> None:
    thought = [STREAM, choice({"reasoning_content": "hm"}, "length"), DONE]
    answered = await workers.answered(thought, GOOD, max_tokens=100)
    assert answered.text == "Good day."
    assert [call.body["max_tokens"] for call in answered.asked] == [100, 200]


@pytest.mark.parametrize(("read", "warnings"), [(50, ("prompt_truncated",)), (2000, ())])
async def test_a_prompt_that_was_cut_in_silence_is_noticed(
    workers: WorkerEnvironment, read: int, warnings: tuple[str, ...]
) -> None:
    said = {"message": {"content": "Hi"}, "done": True, "done_reason": "stop", "eval_count": 1}
    script = [STREAM, json.dumps(said | {"prompt_eval_count": read}).encode()]
    async with workers.provider(lambda _: script, dialect="ollama", models={"m": ModelEntry()}) as provider:
        opponent = OPPONENT.model_copy(update={"system_prompt": "word " * 2000, "model": "m"})
        begun = await workers.begin(scenario().model_copy(update={"opponent": opponent}))
        await workers.ask(turn(begun, provider="bytes", model="m"))
        assert (await workers.worked(begun)).entry.warnings == warnings
    assert [call.body["options"]["num_ctx"] for call in provider.calls] == [128_000]
