"""retry-failed: a new run plays again what ended by error, the rest is kept (docs/protocol.md section 5)."""

from gateway.errors import Conflict
from shared.contracts.runs import Run
from shared.storage.owned import OwnedStore


async def failed_conversations(store: OwnedStore, parent: Run) -> list[int]:
    """The indexes of a run's conversations that ended by error: they never change once it has ended.

    Raises Conflict (`not_retryable`, `not_ended`, `nothing_failed`).
    """
    if not parent.rules.retried:
        raise Conflict("not_retryable", f"A run of kind {parent.kind} cannot be retried; start a new one.")
    if not parent.terminal:
        raise Conflict("not_ended", f"Run {parent.id} has not ended: wait for its end, or cancel it first.")
    failed = await store.conversations(parent).errored()
    if not failed:
        raise Conflict("nothing_failed", f"No conversation of run {parent.id} ended by an error: nothing to retry.")
    return failed
