"""The report of a run."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from gateway.access.callers import CallerOfRequest
from gateway.errors import FieldProblem, InvalidRequest, NotFound
from gateway.exports import EXPORTS
from gateway.runs.lookups import find_run
from gateway.schemas.answers import ReportPending
from gateway.services import NeedsStore, ServicesOfApp
from shared.contracts.kinds import FOLDERS
from shared.contracts.reports import Report

RETRY_AFTER_SECONDS = 2

Format = Annotated[
    str,
    Query(
        max_length=20,
        description=f"json, {', '.join(EXPORTS)}",
        json_schema_extra={"enum": ["json", *EXPORTS]},
    ),
]

router = APIRouter(tags=["reports"], dependencies=[NeedsStore])


async def show_report(
    run_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    format: Format = "json",
) -> Response:
    if format != "json" and format not in EXPORTS:
        raise InvalidRequest(FieldProblem("format", f"must be json, {', '.join(EXPORTS)}", ["json", *EXPORTS]))
    store = services.store_of(caller.owner)
    run = await find_run(store, run_id)
    if not run.rules.reported:
        raise NotFound("report of run", run_id)
    report = await store.report(run)
    if report is None:
        pending = ReportPending().to_json()
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(pending, 202, headers, media_type="application/json")
    return _as(report, format)


def _as(report: Report, name: str) -> Response:
    if name == "json":
        return Response(report.model_dump_json(by_alias=True, exclude={"tenant"}), media_type="application/json")
    export = EXPORTS[name]
    named = {"Content-Disposition": f'inline; filename="{report.run_id}.{export.extension or name}"'}
    headers = {"Cache-Control": "no-store", **named, **export.headers}
    return PlainTextResponse(export.render(report), headers=headers, media_type=export.media_type)


for _folder, _noun in FOLDERS.items():
    router.add_api_route(
        f"/api/{_folder}/{{run_id}}/report",
        show_report,
        methods=["GET"],
        summary="Show a run's report, as JSON or exported",
        response_model=Report,
        response_model_exclude={"tenant"},
        name=f"get_{_noun}_report",
        responses={
            200: {"content": {one.media_type: {"schema": {"type": "string"}} for one in EXPORTS.values()}},
            202: {
                "model": ReportPending,
                "description": "The report is not there yet; see Retry-After.",
                "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
            },
        },
    )
