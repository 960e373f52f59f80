"""How event streams behave, and how much they may hold."""

from pydantic import Field

from shared.settings import Fragment


class StreamSettings(Fragment):
    """Bounds and periods of the gateway's event streams; sizes are in bytes, times in seconds.

    `streams_per_user` unset means no limit on loopback, and 100 elsewhere.
    """

    stream_heartbeat_seconds: float = 15.0
    stream_send_limit_seconds: float = 10.0
    stream_linger_seconds: float = 5.0
    stream_open_limit: int = 10_000
    stream_log_bytes: int = 4 * 1024 * 1024
    stream_log_events: int = 20_000
    stream_status_period_seconds: float = 5.0
    stream_status_spacing_seconds: float = 0.25
    streams_per_user: int | None = Field(default=None, ge=1)
