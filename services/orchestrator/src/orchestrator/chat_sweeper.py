"""Finds chats that are owed something and that no trigger covers: few of many, so they are asked for by index."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from nats.aio.client import Client

from orchestrator.settings import OrchestratorSettings
from shared.contracts import subjects
from shared.contracts.enums import Purpose
from shared.contracts.identity import generation_key
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.messaging import history
from shared.storage import Store

PublishLook = Callable[[str, str | None, str], Awaitable[None]]
"""Publishes a look at a run, or at one of its conversations, for a reason."""

ASKED_WITHIN = timedelta(days=1)
CHATS_AT_ONCE = 500


class ChatSweeper:
    """A gateway that died between a message and its command left an unanswered chat; one after a delete, a cancel."""

    def __init__(self, store: Store, client: Client, settings: OrchestratorSettings, look: PublishLook) -> None:
        self._store = store
        self._client = client
        self._unanswered = timedelta(seconds=settings.unanswered_seconds)
        self._grace = timedelta(seconds=settings.control_grace_seconds)
        self._look = look

    async def sweep(self) -> None:
        """Publishes the looks that are owed. Raises TransientError where store or broker are away."""
        for run_id in await self._store.runs.canceled_chats(now() - self._grace, CHATS_AT_ONCE):
            await self._look(run_id, None, "canceled chat")
        moment = now()
        chats = await self._store.runs.unanswered(moment - ASKED_WITHIN, moment - self._unanswered, CHATS_AT_ONCE)
        if chats:
            await self._see_to(chats)

    async def _see_to(self, chats: list[Run]) -> None:
        """Looks at those of which `WORK` holds nothing."""
        queued, put_off = await self._queued(), await self._put_off()
        for chat in chats:
            owed = subjects.later(generation_key(chat.id, chat.asked_seq + 1, Purpose.CHAT))
            if chat.id not in queued and owed not in put_off:
                await self._look(chat.id, None, "unanswered message")

    async def _queued(self) -> set[str]:
        """The chats that `WORK` holds a message of, wherever a chat's may stand: batch jobs are not read for it."""
        queued: set[str] = set()
        for subject in (subjects.COMMANDS, subjects.LIVE_JOBS, subjects.DONE_ORCHESTRATOR):
            queued |= await history.about(self._client, subjects.WORK, subject)
        return queued

    async def _put_off(self) -> set[str]:
        """The subjects of jobs that wait for a provider: one that was stopped stays there."""
        return {stored.subject async for stored in history.read(self._client, subjects.WORK, subjects.LATER_JOBS)}
