"""/api/prompt-templates: stored, versioned texts that prompts are made from."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.access.callers import CallerOfRequest
from gateway.http.paging import Cursor, Limit, VersionCursor, page_size
from gateway.schemas.fields import NAME_LENGTH
from gateway.schemas.templates import TemplateBody, TemplatePage, TemplateView
from gateway.services import NeedsStore, ServicesOfApp
from gateway.versioned import changes
from gateway.versioned.templates import changed_template, new_template

NOUN = "prompt template"

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
    return TemplateView.of(await changes.find(services.store_of(caller.owner).templates, NOUN, template_id, version))


@router.put("/{template_id}", summary="Replace a template: makes a new version", response_model=TemplateView)
async def replace_template(
    template_id: str, body: TemplateBody, services: ServicesOfApp, caller: CallerOfRequest
) -> TemplateView:
    templates = services.store_of(caller.owner).templates
    changed = await changes.replace(templates, NOUN, template_id, lambda template: changed_template(template, body))
    return TemplateView.of(changed)


@router.delete("/{template_id}", status_code=204, summary="Archive a template")
async def archive_template(template_id: str, services: ServicesOfApp, caller: CallerOfRequest) -> None:
    await changes.archive(services.store_of(caller.owner).templates, NOUN, template_id)


@router.get("/{template_id}/versions", summary="List a template's versions, newest first", response_model=TemplatePage)
async def list_template_versions(
    template_id: str,
    services: ServicesOfApp,
    caller: CallerOfRequest,
    cursor: VersionCursor = None,
    limit: Limit = None,
) -> TemplatePage:
    size = page_size(services.settings, limit)
    templates = services.store_of(caller.owner).templates
    found, next_cursor = await changes.versions(templates, NOUN, template_id, cursor, size)
    return TemplatePage(items=[TemplateView.of(template) for template in found], next_cursor=next_cursor)
