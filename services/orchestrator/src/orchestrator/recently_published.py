"""What this process knows to stand on a stream, so that a look does not say it again a moment later.

Only saves work: repeating an effect would be as right (docs/protocol.md section 2). So it forgets soon, and looks
that nothing proves (a command, a sweep, a redelivery) do not ask it.
"""

import time
from collections import OrderedDict

REMEMBERED_SECONDS = 60.0
REMEMBERED_IDS = 20_000


class RecentlyPublished:
    """Message ids that were confirmed, or proven by a trigger, within the last minute."""

    def __init__(self) -> None:
        self._confirmed_at: OrderedDict[str, float] = OrderedDict()

    def add(self, message_id: str) -> None:
        """It stands there."""
        self._confirmed_at[message_id] = time.monotonic()
        self._confirmed_at.move_to_end(message_id)
        if len(self._confirmed_at) > REMEMBERED_IDS:
            self._confirmed_at.popitem(last=False)

    def __contains__(self, message_id: str) -> bool:
        confirmed_at = self._confirmed_at.get(message_id)
        return confirmed_at is not None and time.monotonic() - confirmed_at < REMEMBERED_SECONDS
