"""What is known of those who speak OpenAI's chat completions more or less: one row for each thing they want otherwise.

Only what fails without it stands here. Whatever else a host refuses, it says so, and is asked without it
(`learned_quirks.py`): most compatible servers (Groq, Together, OpenRouter, vLLM, LM Studio, Ollama) need no row.
"""

import re
from dataclasses import replace
from functools import reduce
from typing import Any, Final, NamedTuple

from llm_runner.providers.target import AnswerFormatStep, Quirks

ANY: Final = re.compile("")
REASONING: Final = re.compile(r"o\d|gpt-5(?!.{0,100}chat)")
FIRST_REASONING: Final = re.compile(r"o1-(mini|preview)")
GROK: Final = re.compile(r"grok-(3-mini|4)")
LIKE_OPENAI: Final = Quirks(most_stops=4)
COMPLETION: Final = (("max_tokens", "max_completion_tokens"),)
FIXED: Final = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"})
"""How a reasoning model's answers are drawn is not for its caller to say."""


class Row(NamedTuple):
    """Where the base URL holds `host` and the model's name begins like `model`, these quirks hold."""

    host: str
    model: re.Pattern[str]
    quirks: dict[str, Any]


ROWS: Final = (
    Row("api.openai.com", REASONING, {"renamed": COMPLETION, "without": FIXED, "most_stops": 0}),
    Row(".azure.com", REASONING, {"renamed": COMPLETION, "without": FIXED, "most_stops": 0}),
    Row("api.openai.com", FIRST_REASONING, {"reads_system": False}),
    Row(".azure.com", FIRST_REASONING, {"reads_system": False}),
    Row(
        "api.mistral.ai",
        ANY,
        {"renamed": (("seed", "random_seed"),), "without": frozenset({"stream_options"}), "tool_id_length": 9},
    ),
    Row("api.deepseek.com", ANY, {"answer_format": AnswerFormatStep.OBJECT}),
    Row(
        "api.x.ai",
        GROK,
        {"without": frozenset({"presence_penalty", "frequency_penalty"}), "most_stops": 0},
    ),
    Row("api.cerebras.ai", ANY, {"without": frozenset({"presence_penalty", "frequency_penalty"})}),
    Row("api.perplexity.ai", ANY, {"without": frozenset({"seed"}), "most_stops": 0, "ends_with_user": True}),
    Row("generativelanguage.googleapis.com", ANY, {"empty_is_withheld": True}),
)


def known_quirks(base_url: str, model: str) -> Quirks:
    """What is known beforehand of a model at a base URL."""
    known = (row for row in ROWS if row.host in base_url and row.model.match(model.rpartition("/")[2]))
    return reduce(lambda quirks, row: replace(quirks, **row.quirks), known, LIKE_OPENAI)
