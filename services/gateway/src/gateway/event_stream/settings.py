"""How event streams behave, and how much they may hold."""

from pydantic import Field

from shared.durations import Seconds
from shared.settings import Fragment


class StreamSettings(Fragment):
    """Bounds and periods of the gateway's event streams."""

    stream_heartbeat_seconds: Seconds = 15.0
    """How often a comment is sent on a stream on which nothing happens."""
    stream_send_limit_seconds: Seconds = 10.0
    """How long a reader may take nothing of what it is sent; then its stream ends."""
    stream_linger_seconds: Seconds = 5.0
    """How long the events of a run are kept in memory after its last reader left."""
    stream_open_limit: int = 10_000
    """The most streams that one gateway serves at once."""
    stream_log_bytes: int = 4 * 1024 * 1024
    """The most bytes of events of one run that a gateway keeps in memory."""
    stream_log_events: int = 20_000
    """The most events of one run that a gateway keeps in memory."""
    stream_status_period_seconds: Seconds = 5.0
    """How often a stream of statuses looks for what no event told."""
    stream_status_spacing_seconds: Seconds = 0.25
    """The least time between two statuses on one stream."""
    streams_per_user: int | None = Field(default=None, ge=1)
    """The most streams a user may have open at once; without it 100, and on loopback no limit."""
