"""Finds what no trigger covers, and publishes a look for it (docs/protocol.md section 7).

But for deadlines it acts only after a gateway's death, a lost queue, or a zombie that died after its successor had
acknowledged; `looks` counts how often, by reason. Every orchestrator sweeps: a look's id holds its time bucket, so
that several orchestrators publish one. Chats, most of which are idle, are found by what is asked of them
(chat_sweeper.py), and what is not kept for ever is forgotten here (expiry.py).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable
from datetime import timedelta

from nats.aio.client import Client

from orchestrator.chat_sweeper import ChatSweeper
from orchestrator.expiry import Expiry
from orchestrator.settings import OrchestratorSettings
from shared.contracts import subjects
from shared.contracts.enums import Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.work import RunCommanded
from shared.errors import TransientError
from shared.logs import Logger
from shared.messaging import history
from shared.messaging.publisher import Publisher
from shared.messaging.purges import drop_acknowledged
from shared.storage import Store
from shared.tracebacks import described


class Sweeper:
    """One sweep looks at every run that has not ended."""

    def __init__(
        self, store: Store, publisher: Publisher, client: Client, settings: OrchestratorSettings, log: Logger
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._client = client
        self._settings = settings
        self._log = log
        self._grace = timedelta(seconds=settings.control_grace_seconds)
        self._silence = timedelta(seconds=settings.silence_seconds)
        self._pause_limit = timedelta(seconds=settings.pause_limit_seconds)
        self._silence_checked_at = 0.0
        self._chats = ChatSweeper(store, client, settings, self._look)
        self._expiry = Expiry(store, publisher, client, settings, self._look, log)
        self.looks: Counter[str] = Counter()

    async def run(self) -> None:
        """Sweeps for ever; what is away now is swept next time."""
        while True:
            await asyncio.sleep(self._settings.sweep_period_seconds)
            try:
                await self.sweep()
            except TransientError as error:
                self._log.warning("sweep put off", error=str(error))
            except Exception as error:  # noqa: BLE001 - the next one may go well
                self._log.error("sweep failed", error=described(error), exc_info=error)

    async def sweep(self) -> None:
        """Publishes the looks that are owed now. Raises TransientError where store or broker are away."""
        runs = await self._unfinished()
        for run in runs:
            if run.control.wanted is Wanted.PAUSE and now() - run.control.changed_at > self._pause_limit:
                await self._store.runs.set_wanted(run.owner, run.id, Wanted.CANCEL, run.control.version, now())
                continue
            reason = self._reason(run)
            if reason is not None:
                await self._look(run.id, None, reason)
        if time.monotonic() - self._silence_checked_at >= self._settings.silence_check_seconds:
            self._silence_checked_at = time.monotonic()
            await self._contained("what was acknowledged", self._drop_acknowledged())
            await self._sweep_silence([run for run in runs if run.control.wanted is not Wanted.PAUSE])
        await self._contained("chats", self._chats.sweep())
        await self._contained("what is expired", self._expiry.sweep())

    async def _contained(self, what: str, sweeping: Awaitable[None]) -> None:
        """One part of a sweep: what fails in it holds up no other. Raises TransientError."""
        try:
            await sweeping
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one run holds, the others are swept
            self._log.error("a part of a sweep failed", part=what, error=described(error), exc_info=error)

    async def _unfinished(self) -> list[Run]:
        """Every run that has not ended. One that cannot be read is owed a look, which will give it up."""
        try:
            return await self._store.runs.unfinished(self._settings.sweep_runs)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one run holds, the others are swept
            self._log.error("a run cannot be read", error=described(error), exc_info=error)
        found = []
        for run_id in await self._store.runs.unfinished_ids(self._settings.sweep_runs):
            try:
                run = await self._store.runs.get(run_id)
            except TransientError:
                raise
            except Exception:  # noqa: BLE001 - as above
                await self._look(run_id, None, "unreadable run")
            else:
                found += [run] if run is not None else []
        return found

    def _reason(self, run: Run) -> str | None:
        """Why a run is owed a look by its document alone."""
        moment, wanted = now(), run.control.wanted
        changed = moment - run.control.changed_at
        if run.control.version > run.control.handled and changed > self._grace:
            return "unhandled control"
        if wanted is Wanted.PAUSE:
            return None
        return "deadline" if moment >= run.due_at else None

    async def _sweep_silence(self, runs: list[Run]) -> None:
        """What was silent for longer than the longest turn although `WORK` holds nothing of it."""
        silent_runs = [run for run in runs if self._silent(run)]
        silent_conversations = await self._overdue_conversations(runs)
        if not silent_runs and not silent_conversations:
            return
        queued = await history.about(self._client, subjects.WORK, ">")
        for run in silent_runs:
            if not queued & {run.id}:
                await self._look(run.id, None, "silent run")
        for run_id, conversation, reason in silent_conversations:
            if reason == "deadline" or not queued & {run_id, conversation}:
                await self._look(run_id, conversation, reason)

    async def _drop_acknowledged(self) -> None:
        if dropped := await drop_acknowledged(self._client):
            self._log.warning("acknowledged work that the broker still held is gone", messages=dropped)

    async def _overdue_conversations(self, runs: list[Run]) -> list[tuple[str, str, str]]:
        """(run, conversation, reason) of open conversations past their deadline or silent for too long."""
        by_id = {run.id: run for run in runs}
        unended = await self._store.conversations.unended(list(by_id))
        activity = await self._store.entries.last_activity([conversation.id for conversation in unended])
        found = []
        for conversation in unended:
            run = by_id[conversation.run_id]
            paused = timedelta(seconds=run.paused_seconds)
            active_at = max(activity.get(conversation.id, conversation.started_at), run.control.changed_at)
            if now() >= conversation.deadline_at + paused:
                found.append((conversation.run_id, conversation.id, "deadline"))
            elif now() - active_at > self._silence:
                found.append((conversation.run_id, conversation.id, "silent conversation"))
        return found

    def _silent(self, run: Run) -> bool:
        active_at = max(run.last_event_at or run.created_at, run.control.changed_at)
        return now() - active_at > self._silence

    async def _look(self, run_id: str, conversation: str | None, reason: str) -> None:
        bucket = int(time.time() // self._settings.sweep_period_seconds)
        self.looks[reason] += 1
        self._log.info("look owed", run_id=run_id, conversation_id=conversation, reason=reason)
        await self._publisher.work(RunCommanded(run_id=run_id, at=now(), conversation_id=conversation, sweep=bucket))
