"""The checker bites: each check says nothing of a sound run, and names what is wrong with a spoiled one."""

from pathlib import Path

import orjson
import pytest

from chaos import call_checks, checker
from chaos.chaos_log import ChaosLog, Listening, Polling, Story, Strike
from chaos.evidence import Evidence, RunEvidence, SilentLook
from chaos.ledger import Call, in_flight, read_ledger
from chaos.report import rows
from invariants import Event
from shared.contracts.enums import Purpose, RunStatus
from shared.contracts.generations import UsageRow
from shared.contracts.identity import content_hash
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from support.builders import ended, message, run

KEY = "{}:1:turn"


@pytest.fixture
def sound() -> Evidence:
    """One run of one message, listened to, polled and called once, at 100 s."""
    done = run(status=RunStatus.COMPLETE, ended=(1,), completed=1)
    name = f"{done.id}-1"
    entries = [message(name, 1, attempt="a1"), ended(name, 2)]
    facts = [
        Event(1, None, {"type": "message", "conversationId": name, "seq": 1}),
        Event(2, None, {"type": "conversation.ended", "conversationId": name}),
    ]
    stored = RunEvidence(done, {name: entries}, [], [], facts, [101.0, 102.0], {"a1": KEY.format(name)})
    listening = Listening(
        facts=[("message", f"{name}:1"), ("conversation.ended", name)],
        messages={(name, 1): content_hash("hello")},
        complete=True,
    )
    polling = Polling(messages={(name, 1): "hello"})
    story = Story(done.id, "k", {done.id}, listeners=[listening], pollers=[polling], ended=True)
    record = ChaosLog(seed=1, began=0.0, stories=[story])
    return Evidence(record, [Call("a1", 100.0, "demo-fast", 10, 101.0, "finished", 5)], {done.id: stored})


def _story(evidence: Evidence) -> Story:
    return evidence.record.stories[0]


def _run(evidence: Evidence) -> RunEvidence:
    return next(iter(evidence.runs.values()))


CHECKS = (
    checker.every_run_ends,
    checker.one_run_a_key,
    checker.counted_once,
    checker.sweeper_not_needed,
    call_checks.calls_bounded,
    checker.what_was_read_stands,
    checker.readers_miss_nothing,
    call_checks.ledger_agrees,
    checker.budgets_kept,
    call_checks.concurrency_kept,
    checker.nothing_left,
    call_checks.cancel_holds,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_sound_run_violates_nothing(check: checker.Check, sound: Evidence) -> None:
    assert check(sound) == []


def test_a_run_that_goes_on_is_found(sound: Evidence) -> None:
    _run(sound).run = _run(sound).run.model_copy(update={"status": RunStatus.RUNNING})
    assert len(checker.every_run_ends(sound)) == 1


def test_a_run_that_is_gone_is_found(sound: Evidence) -> None:
    sound.runs.clear()
    assert len(checker.every_run_ends(sound)) == 1


def test_two_runs_of_one_key_are_found(sound: Evidence) -> None:
    _story(sound).answered.add("another")
    assert len(checker.one_run_a_key(sound)) == 1


def test_a_conversation_counted_twice_is_found(sound: Evidence) -> None:
    _run(sound).run = _run(sound).run.model_copy(update={"ended": (1, 1), "completed": 2})
    assert len(checker.counted_once(sound)) == 1


def test_a_sweep_is_found_unless_a_zombie_died_just_after_it_woke(sound: Evidence) -> None:
    sound.silent_looks = [SilentLook(100.0, "silent run")]
    sound.record.strikes.append(Strike("freeze llm-runner", 20.0, 40.0, frozen=["llm-runner-0"]))
    assert len(checker.sweeper_not_needed(sound)) == 1
    sound.record.strikes.append(Strike("kill llm-runner", 41.0, 41.0, killed=["llm-runner-0"]))
    assert checker.sweeper_not_needed(sound) == []


def test_a_call_that_nothing_explains_is_found(sound: Evidence) -> None:
    sound.calls.append(Call("a2", 103.0, "demo-fast", 10, 104.0, "finished", 5))
    _run(sound).key_of_attempt["a2"] = _run(sound).key_of_attempt["a1"]
    assert len(call_checks.calls_bounded(sound)) == 1
    sound.record.strikes.append(Strike("kill llm-runner", 100.5, 100.6, killed=["llm-runner-0"]))
    assert call_checks.calls_bounded(sound) == []


def test_a_text_that_changed_after_it_was_read_is_found(sound: Evidence) -> None:
    name = f"{_run(sound).run.id}-1"
    _run(sound).transcripts[name][0] = message(name, 1, "other", attempt="a1")
    assert len(checker.what_was_read_stands(sound)) == 2


@pytest.mark.parametrize("spoil", ["missed", "twice", "order", "cut"])
def test_a_listener_that_was_not_told_everything_once_in_order_is_found(spoil: str, sound: Evidence) -> None:
    listening = _story(sound).listeners[0]
    facts = listening.facts
    listening.facts = {"missed": facts[1:], "twice": [facts[0], *facts], "order": facts[::-1], "cut": facts}[spoil]
    listening.complete = spoil != "cut"
    assert len(checker.readers_miss_nothing(sound)) == 1


def test_a_call_that_is_booked_nowhere_is_found(sound: Evidence) -> None:
    sound.calls.append(Call("a2", 103.0, "demo-fast", 10, 104.0, "client_closed", 5))
    assert len(call_checks.ledger_agrees(sound)) == 1


def test_tokens_that_differ_from_the_ledger_are_found(sound: Evidence) -> None:
    sound.calls[0].completion_tokens = 6
    assert len(call_checks.ledger_agrees(sound)) == 1


def test_a_budget_overspent_is_found_but_for_attempts_nobody_could_foresee(sound: Evidence) -> None:
    stored = _run(sound)
    budget = stored.run.budget.model_copy(update={"max": 10, "spent": 15})
    stored.run = stored.run.model_copy(update={"budget": budget})
    assert len(checker.budgets_kept(sound)) == 1
    lost = Usage(cost_nanos=5)
    stored.usage.append(
        UsageRow(
            id="a2",
            run_id=stored.run.id,
            tenant="default",
            generation="g",
            purpose=Purpose.TURN,
            created_at=now(),
            outcome="lost",
            provider="demo",
            model="demo-fast",
            usage=lost,
        )
    )
    assert checker.budgets_kept(sound) == []


def test_calls_above_the_limit_are_found_unless_a_holder_is_frozen(sound: Evidence) -> None:
    sound.calls += [Call(f"b{number}", 200.0, "demo-fast", 1, 210.0, "finished") for number in range(40)]
    assert call_checks.concurrency_kept(sound)
    sound.record.strikes.append(Strike("freeze llm-runner", 190.0, 211.0, frozen=["llm-runner-0"]))
    assert call_checks.concurrency_kept(sound) == []


def test_what_is_left_in_the_queue_is_found(sound: Evidence) -> None:
    sound.work_left = ["cmd.run"]
    sound.pending = {"orchestrator-done": 1, "orchestrator-commands": 0}
    assert len(checker.nothing_left(sound)) == 2


def test_a_call_after_a_cancel_is_found(sound: Evidence) -> None:
    _story(sound).cancel_answered = 98.9
    assert len(call_checks.cancel_holds(sound)) == 1
    _story(sound).cancel_answered = 99.1
    assert call_checks.cancel_holds(sound) == []


def test_recovery_is_the_longest_halt_that_a_strike_touched(sound: Evidence) -> None:
    _run(sound).facts.insert(0, Event(0, None, {"type": "message", "conversationId": f"{_run(sound).run.id}-1"}))
    _run(sound).fact_times[:] = [99.0, 101.0, 116.5]
    sound.record.strikes.append(Strike("freeze orchestrator", 100.0, 116.0))
    (row,) = rows(sound).values()
    assert row.recoveries == [pytest.approx(15.5)]
    _story(sound).pauses.append((105.0, 110.0))
    (row,) = rows(sound).values()
    assert row.recoveries == [pytest.approx(1.0)]


def test_the_ledger_is_read_without_its_torn_end(tmp_path: Path) -> None:
    start = {"event": "start", "index": 0, "clientRequestId": "a", "startedAt": 1.0, "model": "m", "promptTokens": 3}
    end = {"event": "end", "index": 0, "endedAt": 2.0, "outcome": "fault:500", "completionTokens": 0}
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(b"\n".join([orjson.dumps(start), orjson.dumps(end), b'{"event": "sta']))
    (call,) = read_ledger(file)
    assert (call.faulty, in_flight([call], 1.5), in_flight([call], 2.5)) == (True, 1, 0)
