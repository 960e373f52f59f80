"""Finding what a path names: by run id, client id or conversation id, of what is the owner's only."""

from gateway.errors import NotFound, SeveralConversations
from shared.contracts.runs import CONVERSATION_IDS_SHOWN, Run
from shared.storage.owned import OwnedStore


async def find_run(store: OwnedStore, reference: str) -> Run:
    """The owner's run by its id or client id. Raises NotFound, also for another's."""
    run = await store.runs.find(reference)
    if run is None:
        raise NotFound("run", reference)
    return run


async def find_conversation(store: OwnedStore, reference: str) -> tuple[Run, str]:
    """A conversation and its run, by its own id, or by its run's where it is the only one.

    Raises NotFound, and SeveralConversations with their ids.
    """
    run_id, _, index = reference.rpartition("-")
    if run_id and index.isdecimal() and index.isascii():
        run = await store.runs.find(run_id)
        if run is not None and _is_conversation(run, reference, index):
            return run, reference
    run = await store.runs.find(reference)
    if run is None:
        raise NotFound("conversation or run", reference)
    if run.total > 1:
        shown = range(1, min(run.total, CONVERSATION_IDS_SHOWN) + 1)
        raise SeveralConversations(run.id, [run.conversation_id(one) for one in shown])
    return run, run.conversation_id(1)


def _is_conversation(run: Run, reference: str, index: str) -> bool:
    return 1 <= int(index[:9]) <= run.total and run.conversation_id(int(index[:9])) == reference
