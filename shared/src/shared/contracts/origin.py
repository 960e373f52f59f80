"""Where a stored text comes from, if no person wrote it."""

from shared.contracts.model import Contract


class Origin(Contract):
    """An answer of PromptBro (`sid`), and the run whose report it began with: others wrote in its transcripts."""

    sid: str | None = None
    report_run_id: str | None = None
