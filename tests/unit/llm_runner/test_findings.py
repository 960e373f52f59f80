"""Refusals and repetitions that code finds, and what only looks like one."""

import time

import pytest

from llm_runner.findings import finding_of, refuses, repeats
from shared.contracts.enums import EndedReason
from support.builders import message

LINE = "Please send me the number of your order and I will look at it right away."


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "I cannot help you with this.",
        "Sorry, I won't do that.",
        "As an AI language model, I am unable to comply with your request. Is there anything else?",
        "Unfortunately, I am not able to discuss this.",
    ],
)
def test_a_refusal_is_found(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't find your order. Could you give me the number?",
        "I can't help but notice that your kettle is new.",
        "I am sorry to hear that. I will refund it.",
        "You said that you can't help with that yourself.",
        "I can't help with that. " + "But here is what I can do for you instead. " * 8,
        "I won't keep you waiting.",
        "",
    ],
)
def test_what_only_looks_like_a_refusal_is_none(text: str) -> None:
    assert not refuses(text)


def test_saying_the_same_for_the_third_time_is_repetition() -> None:
    assert repeats([LINE, LINE.upper()], LINE)


def test_going_back_and_forth_is_repetition() -> None:
    assert repeats(["Yes, please.", LINE, "Yes, please."], LINE)


def test_almost_the_same_counts_for_long_messages() -> None:
    assert repeats([LINE, LINE.replace("away", "now")], LINE)


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ([], LINE),
        ([LINE], LINE),
        (["Something else entirely.", LINE], LINE),
        (["Yes, of course.", "Yes, of course!"], "Yes, of course not."),
        (["...", "..."], "..."),
    ],
)
def test_what_is_said_twice_or_differs_is_none(own: list[str], text: str) -> None:
    assert not repeats(own, text)


def test_only_the_agents_own_messages_are_compared() -> None:
    heard = [message("run-1", seq, LINE) for seq in (1, 3, 5)]
    assert finding_of(LINE, heard) is None
    assert finding_of(LINE, [message("run-1", seq, LINE) for seq in (2, 4)]) is EndedReason.REPETITION


@pytest.mark.parametrize(
    "text", ["ab " * 333_000, "a'" * 500_000, "i'm very really so sorry " * 40_000, "\n" * 1_000_000]
)
def test_the_longest_answer_is_looked_through_at_once(text: str) -> None:
    before = [message("c", seq, content=text) for seq in range(1, 8)]
    began = time.process_time()
    finding_of(text, before)
    # It took seconds, in an event loop that keeps every other call alive.
    assert time.process_time() - began < 1
