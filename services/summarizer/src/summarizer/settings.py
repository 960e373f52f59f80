"""What the summarizer can be told."""

from dataclasses import dataclass, field

from pydantic import Field

from shared.durations import Seconds
from shared.settings import ReservedOutputSettings, WorkerSettings


class SummarizerSettings(ReservedOutputSettings):
    """Bounds of looking."""

    summarizer_workers: int = 8
    """Triggers of a kind that one process handles at once."""
    summary_max_tokens: int = Field(default=200, ge=50, le=2000)
    """The most tokens of a summary of a chat."""
    summarizer_heartbeat_seconds: Seconds = 5.0
    """How often the process says that it lives."""


@dataclass(frozen=True)
class ProcessSettings(WorkerSettings):
    """Everything the process reads from its environment, once, beside the registry."""

    looks: SummarizerSettings = field(default_factory=SummarizerSettings)
