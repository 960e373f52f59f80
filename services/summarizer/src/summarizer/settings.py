"""What the summarizer can be told."""

from pydantic import Field

from shared.settings import Fragment


class SummarizerSettings(Fragment):
    """Bounds of looking. `summarizer_workers` triggers of a kind are handled at once in a process.

    A report reserves at most `reserved_output_tokens` of output; a chat's summary has at most `summary_max_tokens`.
    """

    summarizer_workers: int = 8
    reserved_output_tokens: int = 600
    summary_max_tokens: int = Field(default=200, ge=50, le=2000)
    summarizer_heartbeat_seconds: float = 5.0
