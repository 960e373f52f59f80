"""Telling the engine of a chat's messages and stops. What cannot be told now is found by the sweeper."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from nats.errors import Error as NatsError

from shared.contracts import subjects
from shared.contracts.enums import EntryKind, Purpose
from shared.contracts.events import MessageAdded
from shared.contracts.identity import generation_key
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, oversized_fields
from shared.contracts.work import GenerationRequested, RunCommanded
from shared.errors import BrokerUnavailable
from shared.logs import Logger
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.messaging.publisher import Publisher
from shared.tracebacks import described

Result = TypeVar("Result")


class ChatCommands:
    """Publishes what the store holds already."""

    def __init__(self, connection: Connection, timeout_seconds: float, log: Logger) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._log = log
        self._publishing: set[asyncio.Task[Any]] = set()

    async def announce(self, entry: Entry, before: Entry | None = None, *, just_now: bool = True) -> None:
        """Has an orchestrator look at a person's message.

        `before` is an answer of which no look has heard: its fact goes first, for its writer may have died. `just_now`
        says that the entry was stored by this request.
        """
        if not self._connection.connected:
            self._log.warning("message left to the sweeper", run_id=entry.run_id, seq=entry.seq)
        elif not await self._for_a_while(self._publish(entry, before, just_now)):
            self._log.warning("message perhaps left to the sweeper", run_id=entry.run_id, seq=entry.seq)

    async def stop(self, run_id: str, seq: int) -> None:
        """Says on the fast path that an answer is to end with what it has, also where it waits for its provider."""
        if not self._connection.connected:
            return
        signal = json.dumps({"wanted": "stop", "conversationId": run_id, "seq": seq}).encode()
        try:
            # Only put into the connection's buffer: what it raises is said at once.
            await self._connection.client.publish(subjects.control(run_id), signal)
        except NatsError as error:
            self._log.warning("stop signal lost", run_id=run_id, error=repr(error))
        await self._for_a_while(self._hasten(run_id, seq))

    async def _hasten(self, run_id: str, seq: int) -> None:
        """Hands out now what a provider's back-off has put off: whoever takes it ends the answer."""
        client = self._connection.client
        key = generation_key(run_id, seq, Purpose.CHAT)
        waiting = await history.last(client, subjects.WORK, subjects.later(key))
        if waiting is not None:
            job = GenerationRequested.model_validate_json(waiting.data)
            await Publisher(client).republish(job.subject, job, f"{key}:stopped")

    async def _for_a_while(self, publishing: Coroutine[Any, Any, Result]) -> Result | None:
        """Its result; None where there is none yet, or the broker was away: it goes on by itself."""
        task = asyncio.create_task(publishing)
        self._publishing.add(task)
        task.add_done_callback(self._published)
        # Not a timeout around it: nats-py may swallow the cancellation that a timeout is.
        done, _ = await asyncio.wait({task}, timeout=self._timeout_seconds)
        return task.result() if done and task.exception() is None else None

    async def _publish(self, entry: Entry, before: Entry | None, just_now: bool) -> bool:
        """Each confirmed before the next: what the command proves has to stand, and facts stand in their order.

        A message that travels along is published by the runner that answers it, so that its answer waits for nothing.
        """
        publisher = Publisher(self._connection.client)
        question = entry if just_now and _is_text(entry) else None
        if before is not None:
            await publisher.event(MessageAdded.of(before))
        if entry.kind is EntryKind.MESSAGE and question is None:
            await publisher.event(MessageAdded.of(entry))
        command = RunCommanded(
            run_id=entry.run_id,
            at=now(),
            conversation_id=entry.conversation_id,
            message_seq=entry.seq,
            stored_at=entry.created_at if just_now else None,
            question=question,
        )
        await publisher.work(command)
        return True

    def _published(self, publishing: asyncio.Task[Any]) -> None:
        self._publishing.discard(publishing)
        if publishing.cancelled() or (error := publishing.exception()) is None:
            return
        level = self._log.debug if isinstance(error, BrokerUnavailable) else self._log.error
        level("chat command not confirmed", error=described(error))


def _is_text(entry: Entry) -> bool:
    """Whether the entry is a message that stands whole in its event: what is attached to one may be large."""
    attached = entry.parts or entry.tool_calls or entry.tool_results
    return entry.kind is EntryKind.MESSAGE and not attached and not oversized_fields(entry)
