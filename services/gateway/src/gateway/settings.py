"""What the gateway reads from its environment."""

from ipaddress import ip_address

from pydantic import Field, SecretStr, field_validator

from shared.settings import LimitSettings, LogSettings, MongoSettings, NatsSettings

SECRET_BYTES = 32
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
    allowed_hosts: tuple[str, ...] = ()
    cors_origin_pattern: str = LOOPBACK_ORIGINS
    cors_origins: tuple[str, ...] = ()
    battles_ceiling: int = 10
    list_limit: int = 100
    list_limit_ceiling: int = 500
    wait_ceiling_seconds: float = 30.0
    chat_max_tokens: int = 4096
    chat_days_kept: float = 30.0
    chat_orphan_seconds: float = Field(default=20.0, ge=0, le=600)
    assist_daily_requests: int = Field(default=100, ge=1)
    assist_daily_usd: float = Field(default=0.10, gt=0)
    stream_token_secret: SecretStr | None = None

    @field_validator("stream_token_secret")
    @classmethod
    def _is_no_guess(cls, secret: SecretStr | None) -> SecretStr | None:
        """Whoever guesses it names any tenant and user, so that an empty one is worse than none."""
        if secret is not None and len(secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(
                f"AGENTWARS_STREAM_TOKEN_SECRET must have at least {SECRET_BYTES} bytes: "
                "take what `openssl rand -hex 32` prints, or leave the variable unset where nobody else can connect"
            )
        return secret


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`: then a gateway is for one person alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
