"""What the summarizer can be told."""

from shared.settings import Fragment


class SummarizerSettings(Fragment):
    """Bounds of looking. `summarizer_workers` triggers of a kind are handled at once in a process.

    A report reserves at most `reserved_output_tokens` of output.
    """

    summarizer_workers: int = 8
    reserved_output_tokens: int = 600
    summarizer_heartbeat_seconds: float = 5.0
