"""Names: sortable, derived, and the same whoever makes them."""

import time

from hypothesis import given
from hypothesis import strategies as some

from shared.contracts.enums import Purpose
from shared.contracts.identity import (
    content_hash,
    conversation_id,
    conversation_index,
    generation_key,
    new_id,
    run_of,
)

RUN = "01m7z8rk34cz0nthhk4sdak4ab"


def test_new_ids_differ_and_fit_subjects_and_urls() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 26 and one.isalnum() and one.islower() for one in ids)


def test_later_id_sorts_after_an_earlier_one() -> None:
    earlier, moment = new_id(), time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == moment:
        pass
    assert earlier < new_id()


@given(index=some.integers(1, 10_000))
def test_conversation_id_says_its_run_and_its_index(index: int) -> None:
    derived = conversation_id(RUN, index)
    assert (run_of(derived), conversation_index(derived)) == (RUN, index)


def test_generation_key_names_stage_and_pass_only_where_they_are() -> None:
    assert generation_key("r-1", 3, Purpose.TURN) == "r-1:3:turn"
    assert generation_key("r-1", 3, Purpose.JUDGE, "fast") == "r-1:3:judge:fast"
    assert generation_key("r", 0, Purpose.REPORT, None, 2) == "r:0:report:p2"


def test_content_hash_is_of_the_text_in_utf8() -> None:
    assert content_hash("ä") == "33e6d73fee82904c8d7afb78de1154d1e8dc2a0edb08120e63df5b9385c2d9cc"
