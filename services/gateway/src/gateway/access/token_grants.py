"""Making tokens: what is granted, and until when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from gateway.access.stream_tokens import Grant, sign
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.storage.owned import OwnedStore

AFTER_THE_END: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=8)
"""A run lasts a day at most, and may be paused for seven; a chat has no end, and takes a new token."""


async def token_for(store: OwnedStore, secret: SecretStr | None, runs: Sequence[Run]) -> tuple[str, datetime]:
    """A token by which the owner's runs are read, and when its time is over.

    Without a secret nobody checks tokens: they are made all the same, so that clients are written once.
    """
    moment = now()
    names = [name for run in runs for name in await _names(store, run)]
    grant = Grant(
        tenant=store.owner.tenant,
        user=store.owner.user,
        streams=tuple(names),
        conversations={run.id: run.total for run in runs if not run.rules.answers},
        expires_at=min(max(_last_use(run) for run in runs), moment + LONGEST),
    )
    return sign(grant, secret.get_secret_value() if secret else ""), grant.expires_at


async def _names(store: OwnedStore, run: Run) -> list[str]:
    """What the run is called: not by a name that means another of the owner's runs."""
    if run.client_id is None:
        return [run.id]
    named = await store.runs.find(run.client_id)
    return [run.id, run.client_id] if named is not None and named.id == run.id else [run.id]


def _last_use(run: Run) -> datetime:
    return (run.ended_at or run.due_at) + AFTER_THE_END
