"""The repository of reports: one a run."""

from shared.contracts.reports import Report
from shared.storage.driver import Collection, mapped_errors, to_document
from shared.storage.scope import EVERYBODY, Scope


class Reports:
    """A run's report by the run's id."""

    def __init__(self, collection: Collection) -> None:
        self._reports = collection

    async def insert(self, report: Report) -> None:
        """Stores the report. Raises Taken where one stands already."""
        with mapped_errors(report.run_id):
            await self._reports.insert_one(to_document(report) | {"_id": report.run_id})

    async def get(self, run_id: str, scope: Scope = EVERYBODY) -> Report | None:
        with mapped_errors():
            document = await self._reports.find_one({"_id": run_id, **scope})
        return Report.model_validate(document) if document else None
