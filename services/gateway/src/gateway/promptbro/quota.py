"""PromptBro's quota: what a user may have of it a day (docs/api.md, "Limits")."""

from datetime import datetime, timedelta
from typing import Final

from gateway.errors import RateLimited
from gateway.settings import GatewaySettings, is_loopback
from gateway.single_answers.runs import estimated_nanos
from shared.contracts.money import to_nanos
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.routing import Router
from shared.storage.owned import OwnedQuota, OwnedStore, StoreOf
from shared.storage.quotas import Allowance

KEPT: Final = timedelta(days=2)
SETTINGS: Final = frozenset({"assist_daily_requests", "assist_daily_usd"})


def is_enforced(settings: GatewaySettings) -> bool:
    """Whether there is a quota: always, but on loopback only where one is set (docs/api.md, "Access")."""
    return bool(SETTINGS & settings.model_fields_set) or not is_loopback(settings.host)


class AssistQuota:
    """Counts what a user has of PromptBro in a day."""

    def __init__(self, store_of: StoreOf, router: Router, settings: GatewaySettings) -> None:
        self._store_of = store_of
        self._router = router
        self._settings = settings

    async def take(self, run: Run) -> None:
        """Counts a run against its user's day before it begins. Raises RateLimited where nothing is left of it.

        Its estimate is reserved. What the runs before it really cost is looked up when the day seems to be used up.
        """
        settings = self._settings
        if not is_enforced(settings):
            return
        moment = now()
        store = self._store_of(run.owner)
        quota = store.quota("assist", f"{moment:%Y-%m-%d}")
        allowance = Allowance(requests=settings.assist_daily_requests, cost_nanos=to_nanos(settings.assist_daily_usd))
        estimate = estimated_nanos(run.settings, self._router, settings)
        if await quota.take(run.id, estimate, allowance, moment + KEPT):
            return
        await _settle(store, quota)
        if not await quota.take(run.id, estimate, allowance, moment + KEPT):
            raise _refused(allowance, moment, settings.assist_daily_usd)


async def _settle(store: OwnedStore, quota: OwnedQuota) -> None:
    """What runs that have ended really cost takes the place of their estimates."""
    for run_id in (await quota.get()).open:
        run = await store.runs.get(run_id)
        if run is not None and run.terminal:
            await quota.settle(run_id, run.usage.cost_nanos)


def _refused(allowance: Allowance, moment: datetime, usd: float) -> RateLimited:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    seconds = max(1, int((midnight - moment).total_seconds()) + 1)
    return RateLimited(
        f"Today's PromptBro quota is used up ({allowance.requests} requests or {usd:.2f} USD a day): it begins anew at "
        "midnight UTC.",
        seconds,
        allowance.requests,
    )
