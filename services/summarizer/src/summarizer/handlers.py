"""The summarizer's triggers: both mean "look at the report of this run"."""

from nats.aio.msg import Msg
from pydantic import ValidationError

from shared.contracts.record import now
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationStored, ReportGivenUp, ReportRequested
from shared.messaging.publisher import Publisher
from shared.messaging.settlement import Settlement
from summarizer.errors import UnreadableMessage
from summarizer.sharing import SharedLooks


class Handlers:
    """One method a trigger; the message is settled by how its look ends."""

    def __init__(self, looks: SharedLooks, settlement: Settlement) -> None:
        self._looks = looks
        self._settlement = settlement

    async def on_report_requested(self, message: Msg) -> None:
        # Nothing says whether it is the first request of its kind: a sweeper's is named the same.
        await self._settlement.run(message, self._look(message, ReportRequested, first=False))

    async def on_generation_stored(self, message: Msg) -> None:
        first = message.metadata.num_delivered == 1
        await self._settlement.run(message, self._look(message, GenerationStored, first))

    async def _look(self, message: Msg, contract: type[ReportRequested | GenerationStored], first: bool) -> None:
        try:
            trigger = contract.model_validate_json(message.data)
        except ValidationError as error:
            raise UnreadableMessage(message.subject, str(error)) from error
        await self._looks.look(trigger.run_id, first)


class GiveUps:
    """What is owed of a trigger that is given up: a dead letter that says why and what it was."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def __call__(self, message: Msg, error: BaseException) -> None:
        """Publishes the dead letter. Raises BrokerUnavailable: the message then comes again."""
        run_id = (message.headers or {}).get("Aw-Run-Id", "unknown")
        await self._publisher.work(
            ReportGivenUp(
                run_id=run_id,
                at=now(),
                failure=Failure(code=type(error).__name__, message=str(error)),
                trigger=message.subject,
                payload=message.data.decode(errors="replace"),
                sequence=message.metadata.sequence.stream,
            )
        )
