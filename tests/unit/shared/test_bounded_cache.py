"""What a process keeps is bounded by the memory it takes, not by how many there are."""

import tracemalloc

from shared.bounded_cache import BoundedCache, held_bytes
from shared.contracts.settings import RunSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry
from shared.storage.assignment_cache import Assignment, AssignmentCache
from shared.storage.driver import to_document
from shared.storage.run_settings import unpacked
from shared.storage.transcript_cache import ENTRY_BYTES, TranscriptCache
from support import builders

LARGE = "\N{PILE OF POO}" * 32_000
MEBIBYTE = 1024 * 1024


def large_settings() -> RunSettings:
    """The largest prompt there may be, as a model's validation makes it: nothing of it is shared with another run's."""
    text = f"{LARGE[:-1]}."
    scenario = builders.scenario()
    agent = scenario.agent.model_copy(update={"system_prompt": text})
    played = scenario.model_copy(update={"agent": agent})
    return builders.run(played=played).settings.model_copy(update={"scenarios": (played,) * 30})


def test_few_large_values_push_out_what_many_small_ones_would_not() -> None:
    kept: BoundedCache[int, str] = BoundedCache(1000)
    for number in range(100):
        kept.keep(number, "small", 10)
    assert (len(kept), kept.bytes) == (100, 1000)
    kept.get(0)
    kept.keep(100, "large", 980)
    assert [number in kept for number in (0, 1, 99, 100)] == [True, False, True, True]
    kept.keep(101, "larger than all of it", 5000)
    assert (len(kept), kept.bytes) == (1, 5000)
    kept.forget(101)
    assert (len(kept), kept.bytes) == (0, 0)


def test_a_value_that_is_kept_again_counts_once() -> None:
    kept: BoundedCache[str, str] = BoundedCache(1000)
    for size in (300, 400, 200):
        kept.keep("run", "settings", size)
    assert (kept.bytes, kept.size("run"), kept.size("other")) == (200, 200, 0)


def test_what_values_take_is_what_the_process_holds() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        settings = large_settings()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 4 * 32_000 <= held_bytes(settings) <= 1.5 * (after - before)


def test_what_small_settings_take_is_told_as_well() -> None:
    stored = to_document(builders.run())["settings"]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [unpacked(stored) for _ in range(100)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.8 <= sum(map(held_bytes, kept)) / (after - before) <= 1.5


def test_settings_of_large_agents_are_kept_as_far_as_they_fit() -> None:
    kept = AssignmentCache(MEBIBYTE)
    for number in range(500):
        kept.keep(f"run-{number}", Assignment(builders.ANYBODY, large_settings()))
    assert kept.bytes <= MEBIBYTE
    assert "run-499" in kept
    assert "run-0" not in kept
    assert 5 <= sum(f"run-{number}" in kept for number in range(500)) <= 8


def test_letters_of_four_bytes_count_as_four_bytes() -> None:
    known = TranscriptCache(MEBIBYTE)
    for number in range(20):
        entry = {"conversation_id": f"c{number}", "run_id": "r", "tenant": "default", "seq": 1, "kind": "message"}
        known.add(Entry.model_validate(entry | {"created_at": now(), "content": f"{LARGE}{number}"}))
    assert sum(bool(known.beginning(f"c{number}")) for number in range(20)) <= MEBIBYTE // (4 * 32_000 + ENTRY_BYTES)
