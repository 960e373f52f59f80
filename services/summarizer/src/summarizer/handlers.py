"""The summarizer's triggers: they mean "look at the report of this run", or "look at the summary of this chat"."""

from typing import TypeVar

from nats.aio.msg import Msg
from pydantic import ValidationError

from shared.contracts.record import Message, now
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationStored, MemoryRequested, ReportGivenUp, ReportRequested
from shared.errors import StaleMessage
from shared.failing import lettered
from shared.messaging import subjects
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from shared.tracebacks import problems
from summarizer.errors import UnreadableMessage
from summarizer.memory_looks import MemoryLooks
from summarizer.sharing import SharedLooks

RUN_ID_SHOWN = 64
Contract = TypeVar("Contract", bound=Message)


class Handlers:
    """One method a trigger; the message is settled by how its look ends."""

    def __init__(self, looks: SharedLooks, memories: MemoryLooks, settlement: Settlement) -> None:
        self._looks = looks
        self._memories = memories
        self._settlement = settlement

    async def on_report_requested(self, message: Msg) -> None:
        # Nothing says whether it is the first request of its kind: a sweeper's is named the same.
        await self._settlement.run(message, self._look(message, ReportRequested, first=False))

    async def on_generation_stored(self, message: Msg) -> None:
        first = message.metadata.num_delivered == 1
        await self._settlement.run(message, self._look(message, GenerationStored, first))

    async def on_memory_requested(self, message: Msg) -> None:
        await self._settlement.run(message, self._remember(message))

    async def _look(self, message: Msg, contract: type[ReportRequested | GenerationStored], first: bool) -> None:
        await self._looks.look(read(message, contract).run_id, first)

    async def _remember(self, message: Msg) -> None:
        await self._memories.look(read(message, MemoryRequested))


class GiveUps:
    """What is owed of a trigger that is given up: a dead letter that says why and what it was.

    Of a chat's summary also its final failure, for which somebody waits.
    """

    def __init__(self, publisher: Publisher, memories: MemoryLooks) -> None:
        self._publisher = publisher
        self._memories = memories

    async def __call__(self, message: Msg, error: BaseException) -> None:
        """The letter first, so that no death leaves none. Raises TransientError: the message then comes again."""
        failure, traceback = lettered(error)
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


def read(message: Msg, contract: type[Contract]) -> Contract:
    """What stands in a message. Raises UnreadableMessage."""
    try:
        return contract.model_validate_json(message.data)
    except ValidationError as error:
        raise UnreadableMessage(message.subject, problems(error)) from error
