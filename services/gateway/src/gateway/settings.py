"""What the gateway reads from its environment."""

from pydantic import Field

from shared.settings import LimitSettings, LogSettings, MongoSettings, NatsSettings

LOOPBACK_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class GatewaySettings(NatsSettings, MongoSettings, LogSettings, LimitSettings):
    """`AGENTWARS_HOST`, `AGENTWARS_PORT` and the fragments.

    The store gets less time here than elsewhere: a caller is told within two seconds that it is away.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    store_timeout_seconds: float = 1.25
    publish_timeout_seconds: float = 1.0
    graceful_shutdown_seconds: int = 20
    cors_origin_pattern: str = LOOPBACK_ORIGINS
    cors_origins: tuple[str, ...] = ()
    battles_ceiling: int = 10
    list_limit: int = 100
    list_limit_ceiling: int = 500
    wait_ceiling_seconds: float = 30.0
