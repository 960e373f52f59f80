"""Lists of runs by the status a client sees, which is not quite the one that is stored."""

from typing import Final

from gateway.schemas.answers import RunPage
from shared.contracts.enums import RunKind, RunStatus
from shared.contracts.runs import StatusView, shown_status, status_view
from shared.storage.owned import OwnedStore

PAGES_READ = 20
STORED_AS: Final = {
    RunStatus.PAUSING: (RunStatus.QUEUED, RunStatus.RUNNING),
    RunStatus.PAUSED: (RunStatus.PAUSED,),
    RunStatus.CANCELING: (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.PAUSED),
    RunStatus.RUNNING: (RunStatus.RUNNING, RunStatus.PAUSED),
}
"""Under which stored statuses a shown one is found: what is wanted and not yet true is shown, never stored."""


async def runs_page(
    store: OwnedStore, kind: RunKind | None, status: RunStatus | None, cursor: str | None, limit: int
) -> RunPage:
    """A page of runs, newest first; chats and single answers only where `kind` names them.

    A page may hold fewer than `limit` and still name a next one.
    """
    stored = STORED_AS.get(status, (status,)) if status else ()
    shown: list[StatusView] = []
    for _ in range(PAGES_READ):
        found = await store.runs.newest(kind, stored, cursor, limit)
        for run in found:
            if status in (None, shown_status(run)):
                shown.append(status_view(run))
            cursor = run.id
            if len(shown) == limit:
                more = found.more or run is not found[-1]
                return RunPage(items=shown, next_cursor=cursor if more else None)
        if not found.more:
            return RunPage(items=shown, next_cursor=None)
    return RunPage(items=shown, next_cursor=cursor)
