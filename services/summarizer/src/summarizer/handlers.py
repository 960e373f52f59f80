"""The summarizer's triggers: they mean "look at the report of this run", or "look at the summary of this chat"."""

from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationStored, MemoryRequested, ReportGivenUp, ReportRequested
from shared.errors import StaleMessage
from shared.messaging.deliveries import Delivery, UnreadableMessage, read
from shared.messaging.publisher import Publisher
from shared.messaging.triggers import Trigger
from shared.reported_failures import failure_with_traceback
from summarizer.coalesced_looks import CoalescedLooks
from summarizer.memory_looks import MemoryLooks

RUN_ID_SHOWN = 64


class Handlers:
    """One method a trigger; the message is settled by how its look ends."""

    def __init__(self, looks: CoalescedLooks, memories: MemoryLooks) -> None:
        self._looks = looks
        self._memories = memories

    async def on_report_requested(self, request: ReportRequested, _delivery: Delivery) -> None:
        """Somebody waits for a run's report: look at it."""
        # Nothing says whether it is the first request of its kind: a sweeper's is named the same.
        await self._looks.look(request.run_id, False)

    async def on_generation_stored(self, done: GenerationStored, delivery: Delivery) -> None:
        """A part of a report is written: look at the report."""
        await self._looks.look(done.run_id, delivery.first and not done.found)

    async def on_memory_requested(self, request: MemoryRequested, _delivery: Delivery) -> None:
        """A chat has grown: look at its summary."""
        await self._memories.look(request)


TRIGGERS = (
    Trigger(subjects.SUMMARIZER_REPORTS, subjects.REPORTS, Handlers.on_report_requested),
    Trigger(subjects.SUMMARIZER_DONE, subjects.DONE_SUMMARIZER, Handlers.on_generation_stored),
    Trigger(subjects.SUMMARIZER_MEMORY, subjects.MEMORY, Handlers.on_memory_requested),
)


class GivenUpTriggers:
    """What is owed of a trigger that is given up: a dead letter that says why and what it was.

    Of a chat's summary also its final failure, for which somebody waits.
    """

    def __init__(self, publisher: Publisher, memories: MemoryLooks) -> None:
        self._publisher = publisher
        self._memories = memories

    async def __call__(self, message: Msg, error: BaseException) -> None:
        """The letter first, so that no death leaves none. Raises TransientError: the message then comes again."""
        failure, traceback = failure_with_traceback(error)
        run_id = (message.headers or {}).get("Aw-Run-Id", "unknown")[:RUN_ID_SHOWN]
        await self._publisher.work(
            ReportGivenUp(
                run_id=run_id,
                at=now(),
                failure=failure,
                traceback=traceback,
                trigger=message.subject,
                payload=message.data.decode(errors="replace"),
                sequence=message.metadata.sequence.stream,
            )
        )
        if message.subject == subjects.MEMORY and not isinstance(error, UnreadableMessage):
            await self._no_memory(read(message, MemoryRequested), failure)

    async def _no_memory(self, request: MemoryRequested, failure: Failure) -> None:
        try:
            await self._memories.give_up(request, failure)
        except StaleMessage:
            # Of a chat that is forgotten nobody waits for anything.
            return
