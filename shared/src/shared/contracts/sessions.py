"""What was asked by POST and is read by GET, because an EventSource cannot post."""

from datetime import datetime

from shared.contracts.model import Contract
from shared.contracts.settings import RunSettings


class Session(Contract):
    """A question that waits for its reader. `id` (the `sid`) becomes the id of its run with the first reader.

    Nothing is generated before that, so that nothing is paid for an answer that nobody comes to read. `parent` is the
    run whose report it is about.
    """

    id: str
    tenant: str
    user: str
    settings: RunSettings
    parent: str | None = None
    expires_at: datetime
