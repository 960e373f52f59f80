"""What is owed of a report whose trigger is given up: somebody waits for its run's end.

a dead letter                                   always, first
the report                                      of statistics only, `unavailable`: `failed`
the run, where not even that can be made        ends without a report
the run, where it cannot be read                ends as it stands
"""

from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.contracts.work import GenerationStored, ReportRequested
from shared.errors import StaleMessage, UnknownRun
from shared.logs import Logger
from shared.messaging.deliveries import UnreadableMessage, read
from shared.messaging.failures import ABSENCES
from shared.messaging.publisher import Publisher
from shared.reported_failures import failure_of
from shared.run_endings import abandon_run, end_run
from shared.storage import Store
from shared.tracebacks import described
from summarizer.handlers import GivenUpTriggers
from summarizer.looks import ReportLooks

CONTRACTS: dict[str, type[ReportRequested | GenerationStored]] = {
    subjects.REPORTS: ReportRequested,
    subjects.DONE_SUMMARIZER: GenerationStored,
}


class ReportEndings:
    """Gives up one trigger. Repeating it repeats nothing that anybody sees."""

    def __init__(
        self, dead_letters: GivenUpTriggers, looks: ReportLooks, store: Store, publisher: Publisher, log: Logger
    ) -> None:
        self._dead_letters = dead_letters
        self._looks = looks
        self._store = store
        self._publisher = publisher
        self._log = log

    async def __call__(self, message: Msg, error: BaseException) -> None:
        """Raises what says that store or broker are away: the message then comes again, to be given up again."""
        await self._dead_letters(message, error)
        contract = CONTRACTS.get(message.subject)
        if contract is None or isinstance(error, UnreadableMessage | UnknownRun):
            return
        run_id = read(message, contract).run_id
        try:
            await self._looks.give_up(run_id)
        except (UnknownRun, StaleMessage):
            return
        except ABSENCES:
            raise
        except Exception as failed:  # noqa: BLE001 - whatever it is, the run has to end
            self._log.error("run ends without a report", run_id=run_id, error=described(failed), exc_info=failed)
            await self._end(run_id, error)

    async def _end(self, run_id: str, error: BaseException) -> None:
        try:
            await end_run(self._store, self._publisher, run_id)
        except ABSENCES:
            raise
        except Exception as failed:  # noqa: BLE001 - as above
            self._log.error("run abandoned", run_id=run_id, error=described(failed), exc_info=failed)
            await abandon_run(self._store, self._publisher, run_id, failure_of(error))
