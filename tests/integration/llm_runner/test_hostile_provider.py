"""What a provider may send, byte by byte, through the whole llm-runner: every job ends, every call is counted."""

from typing import Any

import orjson
import pytest

import llm_runner.results
from llm_runner.providers.answer import MOST_CHARACTERS
from shared.contracts.bounds import BROKER_PAYLOAD_BYTES
from shared.contracts.enums import Purpose, Side
from shared.contracts.transcript import Entry
from support.builders import message, turn
from support.byte_provider import COUNTED, DONE, STOP, STREAM, answer, text
from support.hostile_answers import HI, LONG, Endless, Outcome, hostile_answers
from support.workers.broker import fields
from support.workers.environment import WorkerEnvironment

KEY = "sk-canary-0123456789abcdefghijklmnop"
PRICE = 1.0


async def test_every_answer_ends_its_job_and_is_bought_as_often_as_its_family_says(workers: WorkerEnvironment) -> None:
    answers = hostile_answers(KEY)
    async with workers.provider({name: script for name, (script, _) in answers.items()}) as provider:
        runs = {name: await workers.asked(provider="bytes", model=name) for name in answers}
        async with workers.runner():
            await workers.broker.no_jobs(patience=90)
    records = {name: await workers.record(begun) for name, begun in runs.items()}
    ended = {name: Outcome(record.end, len(provider.calls_of(name))) for name, record in records.items()}
    assert ended == {name: expected for name, (_, expected) in answers.items()}
    for name, record in records.items():
        spent = [entry.usage for entry in record.entries] + [row.usage for row in record.rows]
        assert len(spent) == ended[name].calls, name
        for usage in spent:
            # Never less than nothing, and never more than the longest answer: a million characters, estimated.
            assert 0 <= usage.completion_tokens <= MOST_CHARACTERS, name
            assert 0 <= usage.cost_nanos <= 1000 * PRICE * (MOST_CHARACTERS + 1000), name
    assert len(await workers.broker.dones()) == len(answers)


async def test_an_answer_that_outgrows_its_bound_is_closed_and_charged(workers: WorkerEnvironment) -> None:
    async with workers.provider({"m": Endless(STREAM, text(LONG))}) as provider:
        row = (await workers.played(provider="bytes", model="m")).row
        assert (row.outcome, len(provider.calls), row.estimated) == ("failed", 1, True)
        assert row.usage.completion_tokens == MOST_CHARACTERS // 4
        assert row.partial is not None
        assert row.partial.startswith("aaaa")
        (letter,) = await workers.broker.dead_letters()
        assert len(orjson.dumps(letter)) < BROKER_PAYLOAD_BYTES
    assert provider.open == 0


async def test_a_long_delta_reaches_its_readers_in_parts(workers: WorkerEnvironment) -> None:
    said = "\x01" * 150_000
    async with workers.provider({"m": answer(text(said))}):
        played = await workers.played(provider="bytes", model="m")
    assert fields(played.deltas, "i") == list(range(len(played.deltas)))
    assert played.text == played.end == said


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
    workers: WorkerEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, 99)
    workers.keys = {"HOSTILE": KEY}
    async with workers.provider({"m": answer(text('Paid "for"'))}, key_variable="HOSTILE") as provider:
        played = await workers.played(provider="bytes", model="m")
    assert len(provider.calls) == 2
    booked = [(row.outcome, row.partial, row.usage.prompt_tokens) for row in played.rows]
    assert booked == [("broken", 'Paid "for"', 3)] * 2
    (done,) = await workers.broker.dones()
    (letter,) = await workers.broker.dead_letters()
    assert played.end == done["failure"]["code"] == letter["failure"]["code"] == "internal"
    assert letter["answer"] == 'Paid "for"'
    for named in ("Fault", "in broken", "outcomes.py"):
        assert named in letter["traceback"]
    assert KEY not in orjson.dumps(letter).decode()
    assert played.types.count("attempt.discarded") == 2


async def test_an_exception_of_ours_that_does_not_come_again_costs_one_call_more(
    workers: WorkerEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, 1)
    answered = await workers.answered(answer(HI))
    assert (answered.text, answered.calls) == ("Hi", 2)
    assert await workers.broker.dead_letters() == []


async def test_another_runner_counts_the_exceptions_of_the_first(
    workers: WorkerEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, 99)
    async with workers.provider({"m": answer(HI)}) as provider:
        async with workers.runner():
            begun = (await workers.played(provider="bytes", model="m")).run
        # The same job once more, as after a lost queue: what failed is known.
        await workers.ask(turn(begun, model="m", provider="bytes", repeat=True, hop=1))
        assert ((await workers.worked(begun)).end, len(provider.calls)) == ("internal", 2)


@pytest.mark.parametrize(
    ("broken", "end", "calls"),
    [("llm_runner.handlers.build_prompt", "internal", 0), ("llm_runner.announcer.done", "Hi", 1)],
    ids=["before the call", "after the answer was stored"],
)
async def test_an_exception_beside_the_call_costs_no_call_more(
    workers: WorkerEnvironment, monkeypatch: pytest.MonkeyPatch, broken: str, end: str, calls: int
) -> None:
    monkeypatch.setattr(broken, _broken)
    async with workers.provider({"m": answer(HI)}) as provider:
        played = await workers.played(provider="bytes", model="m")
    assert (played.end, len(provider.calls)) == (end, calls)
    assert fields(await workers.broker.dead_letters(), "key") == [turn(played.run).key]


async def test_a_chat_whose_answer_broke_our_code_says_error(
    workers: WorkerEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break(monkeypatch, 99)
    async with workers.provider({"m": answer(HI)}) as provider:
        begun = await workers.asked(2, model="m", provider="bytes", purpose=Purpose.CHAT, side=Side.AGENT)
        await workers.store.entries.insert(message(begun.conversation_id(1), 1))
        last = (await workers.worked(begun)).entries[1]
    assert (last.finish_reason, last.content, len(provider.calls)) == ("error", "", 2)
    assert last.error is not None
    assert last.error.code == "internal"


async def test_what_cannot_be_stored_fails_without_a_second_call(
    workers: WorkerEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_runner.providers.answer.MOST_CHARACTERS", 10**9)
    async with workers.provider({"m": [STREAM, *[text(LONG * 1000)] * 18, STOP, COUNTED, DONE]}) as provider:
        played = await workers.played(provider="bytes", model="m")
    assert (played.end, len(provider.calls)) == ("provider_error", 1)
    (letter,) = await workers.broker.dead_letters()
    assert "cannot be stored" in letter["failure"]["message"]
    assert letter["answer"].startswith("aaaa")
    assert len(orjson.dumps(letter)) < BROKER_PAYLOAD_BYTES
