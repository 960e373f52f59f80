"""What is stored of generations that are no message, and of attempts that no result holds."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from shared.contracts.enums import FailureFamily, Purpose
from shared.contracts.judgement import Judgement
from shared.contracts.model import Contract, absent
from shared.contracts.transcript import Entry, Failure, Usage, spoken_by_another


class Generation(Contract):
    """The result of a generation, or its final failure; `id` is the generation key.

    Exactly one of `content` and `failure` is there. `judgement` is what a judge's content says, quotes checked.
    `substituted` says that another model wrote it than was asked for (the same one elsewhere is no other).
    """

    id: str
    run_id: str
    tenant: str
    conversation_id: str | None = None
    seq: int = 0
    purpose: Purpose
    stage: str | None = None
    pass_number: int = 0
    created_at: datetime
    content: str | None = None
    judgement: Judgement | None = None
    failure: Failure | None = None
    provider: str | None = None
    model: str | None = None
    attempt: str | None = None
    usage: Usage = Usage()
    estimated: bool = False
    latency_ms: float | None = None
    ttft_ms: float | None = None
    finish_reason: str | None = None
    substituted: bool = Field(default=False, exclude_if=absent)
    raw_finish_reason: str | None = Field(default=None, exclude_if=lambda word: word is None)


def substituted(entries: Iterable[Entry], generations: Iterable[Generation]) -> bool:
    """Whether a conversation is `substituted`: another model spoke or judged in it than its run had resolved."""
    judges = (one for one in generations if one.purpose is Purpose.JUDGE)
    return spoken_by_another(entries) or any(one.substituted for one in judges)


class UsageRow(Contract):
    """What one attempt cost that is in no entry and no generation; `id` is the attempt id.

    `outcome` says why the attempt's result does not count: `failed`, `canceled`, `lost` (its process died), `beaten`
    (another result stood there first) or `broken` (our own code failed on it). `partial` keeps the beginning of what
    had come. A row whose attempt id stands in a result counts for nothing (docs/protocol.md section 8).
    """

    id: str
    run_id: str
    tenant: str
    conversation_id: str | None = None
    generation: str
    purpose: Purpose
    created_at: datetime
    outcome: str
    provider: str
    model: str
    usage: Usage = Usage()
    estimated: bool = False
    reason: str | None = None
    family: FailureFamily | None = Field(default=None, exclude_if=lambda family: family is None)
    partial: str | None = None
