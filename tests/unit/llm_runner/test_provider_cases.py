"""What providers really answer is understood however the network cuts it: the same for each place of a cut."""

import pytest

from support.provider_cases import anthropic, ollama, openai_answers, openai_frames, openai_tools
from support.provider_cases.case import Case, cuts, understood

CASES = [*openai_frames.CASES, *openai_answers.CASES, *openai_tools.CASES, *anthropic.CASES, *ollama.CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
async def test_an_answer_is_understood_wherever_it_is_cut(case: Case) -> None:
    for pieces in cuts(case.body):
        assert await understood(case, pieces) == case.expected, [len(piece) for piece in pieces][:3]


def test_every_case_has_a_name_of_its_own() -> None:
    numbers = [case.number for case in CASES]
    assert len(numbers) == len(set(numbers))
