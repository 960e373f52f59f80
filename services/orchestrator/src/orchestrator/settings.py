"""What the orchestrator can be told."""

from dataclasses import dataclass, field

from shared.durations import Seconds
from shared.settings import ChatSettings, ExpectedOutputSettings, ReservedOutputSettings, WorkerSettings


class OrchestratorSettings(ChatSettings, ExpectedOutputSettings, ReservedOutputSettings):
    """Bounds of looking. `silence_seconds`: 300 s of streaming, and 30 s of margin."""

    orchestrator_workers: int = 64
    """Triggers of a kind that one process handles at once."""
    sweep_period_seconds: Seconds = 5.0
    """How often the sweeper looks for what no trigger covers."""
    control_grace_seconds: Seconds = 5.0
    """How long a change of control may stay unhandled before the sweeper takes it up."""
    silence_seconds: Seconds = 330.0
    """How long a run may be silent before the sweeper looks at it; longer than its longest turn."""
    silence_check_seconds: Seconds = 30.0
    """How often the sweeper looks for silent runs."""
    unanswered_seconds: Seconds = 10.0
    """How long a chat may wait for an answer although nothing of it is queued."""
    forgetting_seconds: Seconds = 60.0
    """How often what has expired is deleted."""
    sweep_runs: int = 2000
    """The most runs that one sweep looks at."""
    pause_limit_seconds: Seconds = 7 * 24 * 3600.0
    """How long a pause may last; then the run is canceled."""


@dataclass(frozen=True)
class ProcessSettings(WorkerSettings):
    """Everything the process reads from its environment, once, beside the registry."""

    looks: OrchestratorSettings = field(default_factory=OrchestratorSettings)
