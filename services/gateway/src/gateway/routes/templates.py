"""/api/prompt-templates: stored, versioned texts that prompts are made from."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.access.callers import CallerOfRequest
from gateway.errors import Conflict, NotFound
from gateway.http.paging import Cursor, Limit, VersionCursor, page_size, version_before
from gateway.schemas.fields import NAME_LENGTH
from gateway.schemas.templates import TemplateBody, TemplatePage, TemplateView
from gateway.services import NeedsStore, ServicesOfApp
from gateway.templates import changed_template, new_template
from shared.contracts.templates import PromptTemplate
from shared.storage.owned import OwnedStore

REPLACE_ATTEMPTS = 5

router = APIRouter(prefix="/api/prompt-templates", tags=["prompt templates"], dependencies=[NeedsStore])


@router.get("", summary="List prompt templates, newest first", response_model=TemplatePage)
async def list_templates(
    services: ServicesOfApp,
    caller: CallerOfRequest,
    kind: Annotated[str | None, Query(max_length=NAME_LENGTH, description="Only those of this kind.")] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> TemplatePage:
    size = page_size(services.settings, limit)
    equal = {"kind": kind} if kind else {}
    found = await services.store_of(caller.owner).templates.newest(cursor, size, **equal)
    items = [TemplateView.of(template) for template in found]
    return TemplatePage(items=items, next_cursor=items[-1].id if found.more else None)


@router.post("", status_code=201, summary="Create a prompt template", response_model=TemplateView)
async def create_template(
    body: TemplateBody, services: ServicesOfApp, caller: CallerOfRequest, response: Response
) -> TemplateView:
    template = new_template(body, caller.tenant)
    await services.store_of(caller.owner).templates.insert(template)
    response.headers["Location"] = f"/api/prompt-templates/{template.id}"
    return TemplateView.of(template)


@router.get("/{template_id}", summary="Show a template, as it is or in one version", response_model=TemplateView)
async def get_template(
    template_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> TemplateView:
    return TemplateView.of(await _template(services.store_of(caller.owner), template_id, version))


@router.put("/{template_id}", summary="Replace a template: makes a new version", response_model=TemplateView)
async def replace_template(
    template_id: str, body: TemplateBody, services: ServicesOfApp, caller: CallerOfRequest
) -> TemplateView:
    for _ in range(REPLACE_ATTEMPTS):
        current = await _template(services.store_of(caller.owner), template_id)
        changed = changed_template(current, body)
        if await services.store_of(caller.owner).templates.replace(changed):
            return TemplateView.of(changed)
    raise Conflict("busy", f"Template {template_id} is being changed by others all the time: try again in a moment.")


@router.delete("/{template_id}", status_code=204, summary="Archive a template")
async def archive_template(template_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> None:
    if not await services.store_of(caller.owner).templates.archive(template_id):
        raise NotFound("prompt template", template_id)


@router.get("/{template_id}/versions", summary="List a template's versions, newest first", response_model=TemplatePage)
async def list_template_versions(
    template_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    cursor: VersionCursor = None,
    limit: Limit = None,
) -> TemplatePage:
    size, before = page_size(services.settings, limit), version_before(cursor)
    found = await services.store_of(caller.owner).templates.versions(template_id, before, size)
    if not found and before is None:
        raise NotFound("prompt template", template_id)
    items = [TemplateView.of(template) for template in found]
    return TemplatePage(items=items, next_cursor=str(items[-1].version) if found.more else None)


async def _template(store: OwnedStore, template_id: str, version: int | None = None) -> PromptTemplate:
    template = await store.templates.get(template_id, version)
    if template is None:
        raise NotFound("prompt template", template_id if version is None else f"{template_id} in version {version}")
    return template
