"""What the orchestrator can be told."""

from shared.settings import ChatSettings


class OrchestratorSettings(ChatSettings):
    """Bounds of looking. `silence_seconds` is longer than the longest turn: 300 s of streaming and 30 s of margin.

    `unanswered_seconds` is for how long a chat may wait although nothing of it is queued.
    """

    orchestrator_workers: int = 64
    sweep_period_seconds: float = 5.0
    control_grace_seconds: float = 5.0
    silence_seconds: float = 330.0
    silence_check_seconds: float = 30.0
    unanswered_seconds: float = 10.0
    forgetting_seconds: float = 60.0
    sweep_runs: int = 2000
    pause_limit_seconds: float = 7 * 24 * 3600.0
    reserved_output_tokens: int = 600
    expected_output_tokens: int = 200
