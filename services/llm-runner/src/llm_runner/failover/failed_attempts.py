"""What follows an attempt that failed, and a job whose target is left alone: again, elsewhere, later, or nothing."""

from datetime import datetime, timedelta

from llm_runner.announcer import Announcer
from llm_runner.attempt import Attempt
from llm_runner.attempt_history import FAILED
from llm_runner.failover.next_route import NextRoutes
from llm_runner.failover.reservations import Reservations
from llm_runner.job_context import JobContext
from llm_runner.outcomes import Outcomes
from llm_runner.providers.families import CONSEQUENCES, Move
from llm_runner.providers.provider import ProviderFailure
from llm_runner.results import usage_row
from llm_runner.retry_policy import AttemptFailed, GiveUp, MoveOn, Patience, Retry, after_failure
from llm_runner.settings import BreakerSettings, RetrySettings
from llm_runner.usage_ledger import UsageLedger
from shared.contracts.timestamps import iso, now
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationRequested
from shared.errors import TransientError
from shared.messaging.publisher import Publisher
from shared.routing import Route

MODELS_UNAVAILABLE = "models_unavailable"
BUDGET_EXCEEDED = "budget_exceeded"


class NotScheduled(TransientError):
    """The stream took a delayed job for a duplicate, so it would never come."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} was not scheduled")


class FailedAttempts:
    """Each returns when its job may be acknowledged, or raises TransientError to have it again."""

    def __init__(
        self,
        publisher: Publisher,
        announcer: Announcer,
        ledger: UsageLedger,
        outcomes: Outcomes,
        routes: NextRoutes,
        reservations: Reservations,
        retries: RetrySettings,
        breakers: BreakerSettings,
    ) -> None:
        self._publisher = publisher
        self._announcer = announcer
        self._ledger = ledger
        self._outcomes = outcomes
        self._routes = routes
        self._reservations = reservations
        self._retries = retries
        self._patience = Patience(
            timedelta(seconds=retries.backoff_first_seconds), timedelta(seconds=breakers.retry_hint_longest_seconds)
        )

    async def failed(self, context: JobContext, attempt: Attempt, failure: ProviderFailure) -> None:
        """Books the attempt; then the next one after its back-off, or elsewhere, or the end of the generation."""
        job = context.job
        # Whatever it says of the end: an answer that has begun was paid for.
        charged = failure.charged or attempt.ttft_ms is not None
        reason = f"{failure.code}: {failure}"
        row = usage_row(job, context.facts.tenant, attempt, FAILED, reason, failure.family, charged=charged)
        await self._ledger.book(row)
        failures = len(context.history.failed(attempt.provider, attempt.model)) + 1
        retries = self._retries.retries(attempt.tier)
        onward = self._routes.after(job, failure.family)
        follows = after_failure(failure, failures, retries, self._patience, onward)
        elsewhere = follows.route if isinstance(follows, MoveOn) else None
        await self._announcer.discarded(job, attempt, failure.code, follows.word, failure.family, elsewhere)
        match follows:
            case GiveUp():
                await self._outcomes.given_up(context, _final(failure))
            case MoveOn(route):
                await self.moved_on(context, route)
            case Retry(delay):
                await self._try_again(context, attempt, failure, delay)

    async def exhausted(self, context: JobContext, failure: Failure) -> None:
        """A route that was tried often enough before this delivery: whoever tried it last may have died on its way."""
        leads_on = failure.family is not None and CONSEQUENCES[failure.family].moves is not Move.NEVER
        route = self._routes.after(context.job, failure.family) if leads_on else None
        if route is not None:
            await self.moved_on(context, route)
        else:
            await self._outcomes.given_up(context, failure)

    async def moved_on(self, context: JobContext, route: Route) -> None:
        """The job goes on to another route; what that may cost more is reserved first."""
        if context.leased.stopped:
            await self._outcomes.stopped(context)
            return
        job = context.job
        if not await self._reservations.raised(context, route):
            message = f"{route} would answer for {job.provider}/{job.model}, and costs more than the budget leaves"
            await self._outcomes.given_up(context, Failure(code=BUDGET_EXCEEDED, message=message))
            return
        onward = job.model_copy(
            update={
                "provider": route.provider,
                "model": route.model,
                "max_tokens": min(job.max_tokens, route.entry.max_output_tokens),
                "hop": job.hop + 1,
                "asked": job.wish,
                "substituted": self._routes.substitutes(job, route),
                "at": now(),
            }
        )
        await self._publisher.work(onward)

    async def left_alone(self, context: JobContext, until: datetime) -> None:
        """A job whose target is left alone: elsewhere, or when the first of its chain may be asked again.

        `until` is when nobody waits for it any more: it fails now, and says when it may be tried again.
        """
        job, route = context.job, self._routes.after(context.job)
        if route is not None:
            await self.moved_on(context, route)
            return
        at = self._routes.reopens_at(job) or now()
        if at > until:
            message = f"no model of this chain can be asked before {iso(at)}: {self._routes.described(job)}"
            wait = (at - now()).total_seconds()
            await self._outcomes.given_up(
                context, Failure(code=MODELS_UNAVAILABLE, message=message, retry_after=max(0.0, wait))
            )
            return
        await self._schedule(job, at, iso(at))

    async def _try_again(
        self, context: JobContext, attempt: Attempt, failure: ProviderFailure, delay: timedelta
    ) -> None:
        if context.leased.stopped:
            await self._outcomes.stopped(context)
        elif delay.total_seconds() <= self._retries.backoff_in_queue_seconds:
            raise AttemptFailed(failure, delay)
        else:
            await self._schedule(context.job, now() + delay, attempt.id)
            if context.leased.stopped:
                # Whoever stopped it looked for the job before it stood there.
                await self._outcomes.stopped(context)

    async def _schedule(self, job: GenerationRequested, at: datetime, name: str) -> None:
        again = job.model_copy(update={"repeat": True, "at": now()})
        ack = await self._publisher.scheduled(again, at, f"{job.key}:later:{name}")
        if ack.duplicate:
            raise NotScheduled(job.key)


def _final(failure: ProviderFailure) -> Failure:
    wait = failure.retry_after
    return Failure(
        code=failure.code,
        message=str(failure),
        family=failure.family,
        retry_after=wait.total_seconds() if wait is not None else None,
    )
