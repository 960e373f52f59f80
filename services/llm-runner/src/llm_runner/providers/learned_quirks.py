"""What a refusal teaches of its target: the same request without the field that is not taken. Pure."""

from dataclasses import replace
from typing import Final

from llm_runner.providers.provider import ProviderFailure
from llm_runner.providers.refused_fields import LAST_TURN, REASONING, SYSTEM, TOOL_IDS
from llm_runner.providers.target import AnswerFormatStep, Quirks
from shared.contracts.enums import FailureFamily as Family

MOST_LESSONS: Final = 3
"""Requests of one attempt beyond the first: each is sent for one field."""
TOOL_ID_LENGTH: Final = 9
MOST_STOPS: Final = 4
OPTIONAL: Final = frozenset(
    {
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "stream_options",
        "seed",
        "random_seed",
        "presence_penalty",
        "frequency_penalty",
        "parallel_tool_calls",
        "thinking",
    }
)
"""Fields that an answer can do without: no other is left out."""


def learned(quirks: Quirks, failure: ProviderFailure) -> Quirks | None:
    """What is known after a refusal; None where it teaches nothing new, or nothing that may be left out."""
    field = failure.field
    if failure.family is not Family.UNSUPPORTED_PARAMETER or field is None:
        return None
    taught = _taught(quirks, field)
    return None if taught == quirks else taught


def _taught(quirks: Quirks, field: str) -> Quirks:
    if field == "response_format":
        return replace(quirks, answer_format=AnswerFormatStep(min(quirks.answer_format + 1, AnswerFormatStep.TEXT)))
    if field in ("stop", "stop_sequences"):
        fewer = quirks.most_stops is None or quirks.most_stops > MOST_STOPS
        return replace(quirks, most_stops=MOST_STOPS if fewer else 0)
    if field == "stream":
        return replace(quirks, streams=False)
    if field == SYSTEM:
        return replace(quirks, reads_system=False)
    if field in (REASONING, "reasoning"):
        return replace(quirks, replays_reasoning=not quirks.replays_reasoning)
    if field == LAST_TURN:
        return replace(quirks, ends_with_user=True)
    if field == TOOL_IDS:
        return replace(quirks, tool_id_length=TOOL_ID_LENGTH)
    return replace(quirks, without=quirks.without | {field}) if field in OPTIONAL else quirks
