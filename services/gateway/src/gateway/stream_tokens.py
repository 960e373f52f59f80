"""Tokens for EventSource, which cannot set headers: they name a caller on just some streams, for some time. Pure.

`<payload>.<signature>`, both base64url: what is said is signed (HMAC, RFC 2104, with SHA-256), not hidden.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.contracts.record import Record


class Grant(Record):
    """Who may read which streams (ids of runs), until when."""

    tenant: str
    user: str
    streams: tuple[str, ...]
    expires_at: datetime

    def covers(self, named: Sequence[str]) -> bool:
        """Whether one of these ids, of runs or of their conversations, is one it is for."""
        return any(one in self.streams or one.rpartition("-")[0] in self.streams for one in named)


def sign(grant: Grant, secret: str) -> str:
    """The token of a grant."""
    said = {
        "t": grant.tenant,
        "u": grant.user,
        "s": list(grant.streams),
        "e": int(grant.expires_at.timestamp()),
    }
    payload = _encoded(json.dumps(said, separators=(",", ":")).encode())
    return f"{payload}.{_signature(payload, secret)}"


def verify(token: str, secret: str, now: datetime) -> Grant | None:
    """What a token grants; None where we did not sign it, or its time is over."""
    payload, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(payload, secret).encode()):
        return None
    try:
        said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires_at = datetime.fromtimestamp(said["e"], UTC)
        grant = Grant(tenant=said["t"], user=said["u"], streams=tuple(said["s"]), expires_at=expires_at)
    except (NotBase64, ValueError, KeyError, TypeError):
        # Signed by us, but in another version's shape.
        return None
    return grant if now < grant.expires_at else None


def _signature(payload: str, secret: str) -> str:
    return _encoded(hmac.digest(secret.encode(), payload.encode(), "sha256"))


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
