"""Who is to answer, as far as anybody says, and who does."""

from shared.contracts.enums import Role, Tier
from shared.contracts.model import Contract


class RouteWish(Contract):
    """A provider, a model, a tier: what is None is left to routing (`shared/routing/router.py`).

    A wish that names its model minds no tier; one that names nothing is a wish for the standard tier.
    """

    provider: str | None = None
    model: str | None = None
    tier: Tier | None = None

    @property
    def asked_tier(self) -> Tier | None:
        """The tier a model is chosen by; None where the wish names its model."""
        return None if self.model is not None else self.tier or Tier.STANDARD


class PlayedModel(Contract):
    """A model as the start of a run resolved it: for whom, and by which tier, where nobody had named the model."""

    role: Role
    provider: str
    model: str
    tier: Tier | None = None
