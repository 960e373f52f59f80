"""The next route of a job's chain: pure but for the breakers it asks."""

from datetime import datetime

from llm_runner.failover.circuit_breakers import CircuitBreakers, earliest
from llm_runner.providers.families import CONSEQUENCES, Move
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested
from shared.routing import Chain, Route, Router, UnknownModel


class NextRoutes:
    """Chains only lead on: a job that left a route never comes back to it, so that it has an end."""

    def __init__(self, router: Router, breakers: CircuitBreakers) -> None:
        self._router = router
        self._breakers = breakers

    def after(self, job: GenerationRequested, why: Family | None = None) -> Route | None:
        """The first healthy route behind the job's own; None where there is none. `why` is what it failed with."""
        larger = why is not None and CONSEQUENCES[why].moves is Move.LARGER_WINDOW
        chain = self._chain(job)
        window = chain[0].entry.context_window if larger and chain else 0
        return next(
            (
                route
                for route in chain[1:]
                if self._breakers.open(str(route)) is None and (not larger or route.entry.context_window > window)
            ),
            None,
        )

    def reopens_at(self, job: GenerationRequested) -> datetime | None:
        """When the first of the job's routes may be asked again; None where one may be asked now."""
        chain = self._chain(job)
        breakers = [breaker for route in chain if (breaker := self._breakers.open(str(route)))]
        return earliest(breakers, now()) if len(breakers) == len(chain) and breakers else None

    def described(self, job: GenerationRequested) -> str:
        """Why each of its routes is left alone."""
        breakers = (self._breakers.open(str(route)) for route in self._chain(job))
        return "; ".join(f"{breaker.id}: {breaker.message}" for breaker in breakers if breaker)

    def substitutes(self, job: GenerationRequested, route: Route) -> bool:
        """Whether another model answers there than the job asked for; the same one at another provider is no other."""
        return route.known_as != self._router.first(job.wish).known_as

    def _chain(self, job: GenerationRequested) -> Chain:
        """The job's route and those behind it."""
        try:
            chain = self._router.chain(job.wish, job.fallback)
        except UnknownModel:
            return ()
        here = f"{job.provider}/{job.model}"
        at = next((place for place, route in enumerate(chain) if str(route) == here), None)
        return chain[at:] if at is not None else ()
