"""retry-failed: a new run plays again what ended by error, the rest is kept (docs/protocol.md section 5)."""

from fastapi import Response

from gateway.access.callers import Caller
from gateway.errors import Conflict
from gateway.runs.lookups import find_run
from gateway.schemas.answers import Started
from gateway.schemas.starts import RetryStart
from gateway.services import Services
from gateway.starts.start import Asked, start
from shared.contracts.runs import Run
from shared.contracts.words import RunKind

RETRIED = frozenset({RunKind.BATTLE, RunKind.SCALE})


async def retry_failed(
    services: Services, caller: Caller, reference: str, body: RetryStart, key: str | None, response: Response
) -> Started:
    """Starts a retry of a run that has ended, once for each client id or idempotency key.

    Raises NotFound, Conflict (`not_ended`, `nothing_failed`, `not_retryable`), and what starting raises.
    """
    parent = await find_run(services.store, caller, reference)
    failed = await _failed(services, parent)
    asked = Asked(
        kind=parent.kind,
        body=body,
        fields=[],
        plan=lambda _agents, _seed: services.planner.retry(parent, failed, body.max_budget_usd),
        key=key,
        parent=parent.id,
    )
    return await start(services, caller, asked, response)


async def _failed(services: Services, parent: Run) -> list[int]:
    """The indexes of the conversations that ended by error: they never change once a run has ended."""
    if parent.kind not in RETRIED:
        raise Conflict("not_retryable", f"A run of kind {parent.kind} cannot be retried; start a new one.")
    if not parent.terminal:
        raise Conflict("not_ended", f"Run {parent.id} has not ended: wait for its end, or cancel it first.")
    failed = await services.store.conversations.errored(parent.id)
    if not failed:
        raise Conflict("nothing_failed", f"No conversation of run {parent.id} ended by an error: nothing to retry.")
    return failed
