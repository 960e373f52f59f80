"""What the server is started with, and what can be changed while it runs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from local_stack.demo_model.roles import Role

#: How each model's pace differs from the settings: factors of the time to the first token and of tokens per second.
MODELS: Final = {
    "demo-fast": (1.0, 1.0),
    "demo-standard": (1.5, 0.8),
    "demo-premium": (2.0, 0.6),
    "demo-plain": (1.0, 1.0),
}

FAULT_NAME: Final = r"^(once-)?(429|500|503|malformed|empty|refuse|(cut|stall)(-\d{1,6})?)$"


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class FaultRule(_Wire):
    """A fault for a share of the calls: `rate` in [0, 1], for one model or role if named.

    With `contains` only where that text stands in the last message's last paragraph: in a chat, in what was said last.
    """

    fault: Annotated[str, Field(pattern=FAULT_NAME)]
    rate: Annotated[float, Field(ge=0, le=1)]
    model: str | None = None
    role: Role | None = None
    contains: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    after_tokens: Annotated[int | None, Field(ge=0)] = None
    retry_after_seconds: Annotated[float | None, Field(ge=0)] = None


class Control(_Wire):
    """Pace and faults. With `total_seconds` every answer is spread evenly over that time, whatever its length."""

    time_to_first_token_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.05
    tokens_per_second: Annotated[float, Field(gt=0, le=10_000_000)] = 80.0
    total_seconds: Annotated[float | None, Field(ge=0, le=3600)] = None
    words_per_chunk: Annotated[int, Field(ge=1, le=10_000)] = 1
    faults: Annotated[tuple[FaultRule, ...], Field(max_length=50)] = ()


@dataclass(frozen=True)
class Settings:
    """What the server is started with. `ledger` is a file of JSON lines; without it nothing outlives the process."""

    seed: int = 7
    ledger: Path | None = None
    require_key: str | None = field(default=None, repr=False)
    control: Control = field(default_factory=Control)
