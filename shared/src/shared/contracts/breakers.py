"""Circuit breakers: a target that failed again and again is left alone for a while (docs/providers.md)."""

from datetime import datetime

from shared.contracts.enums import FailureFamily
from shared.contracts.model import Contract, Sentence


class OpenBreaker(Contract):
    """A target that is left alone: `id` is its `provider/model`.

    Nobody asks it before `open_until`; from then on one call probes it, until `probing_until` at most, and what
    becomes of that closes the breaker or opens it anew. `family` and `message` say what it was opened for.
    """

    id: str
    open_until: datetime
    probing_until: datetime | None = None
    family: FailureFamily
    message: Sentence

    @property
    def until(self) -> datetime:
        """When the next call may ask it, at the earliest."""
        return max(self.open_until, self.probing_until or self.open_until)

    def stands(self, moment: datetime) -> bool:
        """Whether the target is left alone at a moment; one whose time is over waits for the call that probes it."""
        return self.until > moment


class BreakerChanged(Contract):
    """Told on a core subject: how a target's breaker stands now; `breaker` is None where it was closed."""

    target: str
    breaker: OpenBreaker | None = None
