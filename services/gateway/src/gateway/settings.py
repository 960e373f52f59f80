"""What the gateway reads from its environment."""

from ipaddress import ip_address

from pydantic import Field, SecretStr, field_validator

from shared.durations import Days, Seconds, WholeSeconds
from shared.settings import LimitSettings, LogSettings, MongoSettings, NatsSettings

SECRET_BYTES = 32
LOOPBACK_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class GatewaySettings(NatsSettings, MongoSettings, LogSettings, LimitSettings):
    """`AGENTWARS_HOST`, `AGENTWARS_PORT` and the fragments.

    The store gets less time here than elsewhere: a caller is told within two seconds that it is away.
    """

    host: str = "127.0.0.1"
    """The address at which the API is served."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port at which the API is served; 0 takes a free one."""
    store_timeout_seconds: Seconds = 1.25
    """How long one operation of the store may take; less than elsewhere: a caller is soon told that it is away."""
    publish_timeout_seconds: Seconds = 1.0
    """How long a command may take to be confirmed by the broker; what a start stored is started without it, too."""
    graceful_shutdown_seconds: WholeSeconds = 20
    """How long requests in flight may take when the gateway stops."""
    allowed_hosts: tuple[str, ...] = ()
    """Names beside loopback under which the API is served, as JSON: `["agents.example"]`."""
    cors_origin_pattern: str = LOOPBACK_ORIGINS
    """A regular expression of origins whose pages may call the API."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the API, as JSON: `["https://agents.example"]`."""
    battles_ceiling: int = 10
    """The most battles of one start."""
    list_limit: int = 100
    """Items of a page where a request says nothing."""
    list_limit_ceiling: int = 500
    """The most items of a page."""
    wait_ceiling_seconds: Seconds = 30.0
    """The longest that a long poll may wait."""
    chat_max_tokens: int = 4096
    """The most tokens of an answer of a chat, of `/api/llm` and of `/v1` where neither request nor agent says."""
    chat_days_kept: Days = 30.0
    """How long a chat is kept after its last message; a plain number is days."""
    chat_orphan_seconds: Seconds = Field(default=20.0, ge=0, le=600)
    """How long a chat's answer is written on when nobody reads it."""
    assist_daily_requests: int = Field(default=100, ge=1)
    """Requests to PromptBro, a user and day."""
    assist_daily_usd: float = Field(default=0.10, gt=0)
    """What PromptBro may cost, in dollars a user and day."""
    stream_token_secret: SecretStr | None = None
    """What tokens of streams are signed with, at least 32 bytes; without it they are not: callers are who they say."""

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
