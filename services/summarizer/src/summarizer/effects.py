"""Making it so: every effect has a name and can be repeated (docs/protocol.md sections 2 and 5)."""

from shared.contracts import subjects
from shared.contracts.enums import Fallback, Purpose
from shared.contracts.events import ReportReady
from shared.contracts.reports import Report
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested
from shared.errors import NotYet, Taken
from shared.messaging.publisher import Publisher
from shared.routing import Route
from shared.run_endings import end_run
from shared.storage import Store
from summarizer.played_run import PlayedRun
from summarizer.prompts import Prompt, fitted

TEMPERATURE = 0.2


class Effects:
    """What a look can do about a report. No method decides anything."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher

    async def request(self, played: PlayedRun, route: Route, stage: str | None, prompt: Prompt, repeat: bool) -> None:
        """Publishes the job of the report (no stage), of its repair, or of a condensed transcript."""
        await self._publisher.work(
            GenerationRequested(
                run_id=played.run.id,
                at=now(),
                purpose=Purpose.REPORT,
                stage=stage,
                provider=route.provider,
                model=route.model,
                fallback=played.run.settings.report.fallback if played.run.settings.report else Fallback.NONE,
                repeat=repeat,
                first_job_at=played.cause_at,
                done_subject=subjects.DONE_SUMMARIZER,
                prompt=fitted(prompt.messages),
                temperature=TEMPERATURE,
                max_tokens=prompt.max_tokens,
                json_answer=prompt.json_answer,
            )
        )

    async def keep(self, report: Report) -> None:
        """Stores the report; where one stands already, that one stays."""
        try:
            await self._store.reports.insert(report)
        except Taken:
            # Another look was faster: what it stored is what gets announced.
            return

    async def announce(self, run_id: str) -> None:
        """Publishes `report.ready` of the report that stands. Raises NotYet where it is not readable yet."""
        report = await self._store.reports.get(run_id)
        if report is None:
            raise NotYet(f"the report of {run_id} is not readable")
        sequence = await self._publisher.event(
            ReportReady(
                run_id=run_id,
                at=report.created_at,
                status=report.status,
                reason=report.reason,
                success_rate=report.stats.success_rate,
                success_interval=report.stats.success_interval,
            )
        )
        await self._store.runs.note_event(run_id, sequence, now())

    async def end(self, run_id: str) -> None:
        """Ends the run: terminal status and `run.ended`."""
        await end_run(self._store, self._publisher, run_id)
