"""What a run, and each of its conversations, was asked to do and whose it is: read once a process, it never changes."""

from shared.contracts.enums import Purpose
from shared.contracts.identity import conversation_index, run_of
from shared.contracts.kinds import KINDS
from shared.contracts.settings import ConversationSettings, RunSettings
from shared.errors import UnknownRun
from shared.storage import Store
from shared.storage.assignment_cache import Assignment


async def settings_of(store: Store, conversation: str) -> tuple[ConversationSettings, Purpose]:
    """A conversation's settings and the purpose of its messages. Raises UnknownRun."""
    settings = await run_settings(store, run_of(conversation))
    return settings.conversation(conversation_index(conversation)), KINDS[settings.kind].purpose


async def run_settings(store: Store, run_id: str) -> RunSettings:
    """What a run was asked to do. Raises UnknownRun."""
    return (await _assignment(store, run_id)).settings


async def tenant_of(store: Store, run_id: str) -> str:
    """Whose everything is that is stored of a run. Raises UnknownRun."""
    return (await _assignment(store, run_id)).owner.tenant


async def _assignment(store: Store, run_id: str) -> Assignment:
    assignment = await store.runs.assignment(run_id)
    if assignment is None:
        raise UnknownRun(run_id)
    return assignment
