"""Tokens for EventSource, which cannot set headers: they name a caller on just some streams, for some time. Pure.

`<payload>.<signature>`, both base64url: what is said is signed (HMAC, RFC 2104, with SHA-256), not hidden.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from datetime import UTC, datetime

from shared.contracts.model import Contract

INDEX_DIGITS = 9


class Grant(Contract):
    """Who may read what, until when.

    `streams` are the ids themselves (of runs and answers, and the names clients gave them), `conversations` how many
    there are of each run whose conversations have ids of their own.
    """

    tenant: str
    user: str
    streams: tuple[str, ...]
    conversations: Mapping[str, int] = {}
    expires_at: datetime

    def covers(self, named: str) -> bool:
        """Whether an id is one of those it is for, or that of a conversation of one of those runs. Nothing is guessed:
        what only begins like one of them is another.
        """
        if named in self.streams:
            return True
        run_id, _, index = named.rpartition("-")
        if not (index.isascii() and index.isdecimal()) or index.startswith("0") or len(index) > INDEX_DIGITS:
            return False
        return int(index) <= self.conversations.get(run_id, 0)


def sign(grant: Grant, secret: str) -> str:
    """The token of a grant."""
    said = {
        "t": grant.tenant,
        "u": grant.user,
        "s": list(grant.streams),
        "c": dict(grant.conversations),
        "e": int(grant.expires_at.timestamp()),
    }
    payload = _encoded(json.dumps(said, separators=(",", ":")).encode())
    return f"{payload}.{_signature(payload, secret)}"


def verify(token: str, secret: str, now: datetime) -> Grant | None:
    """What a token grants; None where we did not sign it, or its time is over."""
    payload, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(payload, secret).encode()):
        return None
    return read(token, now)


def read(token: str, now: datetime) -> Grant | None:
    """What a token says, whoever wrote it; None where it says nothing that we would, or its time is over."""
    payload = token.partition(".")[0]
    try:
        said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires_at = datetime.fromtimestamp(said["e"], UTC)
        fields = {"tenant": said["t"], "user": said["u"], "streams": said["s"], "conversations": said.get("c", {})}
        grant = Grant.model_validate(fields | {"expires_at": expires_at})
    except (NotBase64, ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        # Nobody's, or in another version's shape.
        return None
    return grant if now < grant.expires_at else None


def _signature(payload: str, secret: str) -> str:
    return _encoded(hmac.digest(secret.encode(), payload.encode(), "sha256"))


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
