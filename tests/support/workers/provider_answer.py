"""What a provider's bytes became, through a whole llm-runner."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.enums import FailureFamily
from shared.contracts.transcript import Usage
from support.byte_provider import Call
from support.workers.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """The answer that is stored, or the family of its failure, and the calls it took."""

    text: str | None
    shown: str
    reasoning: str | None
    tools: tuple[tuple[str, Any], ...]
    """Names and arguments."""
    finish: str | None
    usage: Usage | None
    family: FailureFamily | None
    asked: tuple[Call, ...]
    """The calls it took."""

    @property
    def calls(self) -> int:
        return len(self.asked)


def provider_answer(record: RunRecord, asked: Sequence[Call]) -> ProviderAnswer:
    """Read off a turn that was played to its end."""
    if not record.entries:
        partial = record.rows[-1].partial if record.rows else None
        return ProviderAnswer(partial, record.text, None, (), None, None, record.failure.family, tuple(asked))
    entry = record.entry
    tools = tuple((call.name, json.loads(call.input)) for call in entry.tool_calls)
    return ProviderAnswer(
        entry.content, record.text, entry.reasoning, tools, entry.finish_reason, entry.usage, None, tuple(asked)
    )
