"""Who is to answer, as far as anybody says."""

from shared.contracts.record import Record
from shared.contracts.words import Tier


class RouteWish(Record):
    """A provider, a model, a tier: what is None is left to routing (`shared/routing/router.py`).

    A wish that names its model minds no tier; one that names nothing is a wish for the standard tier.
    """

    provider: str | None = None
    model: str | None = None
    tier: Tier | None = None
