"""Prompt templates, from what a body says of them. Pure."""

from typing import Any

from gateway.schemas.templates import TemplateBody, variables_of
from shared.contracts.identity import new_id
from shared.contracts.templates import PromptTemplate
from shared.contracts.timestamps import now


def new_template(body: TemplateBody, tenant: str) -> PromptTemplate:
    """A template as it is stored first."""
    moment = now()
    return PromptTemplate(id=new_id(), tenant=tenant, created_at=moment, updated_at=moment, **_values(body))


def changed_template(template: PromptTemplate, body: TemplateBody) -> PromptTemplate:
    """The version after `template`, holding what the body says."""
    origin = template.written_from if body.content == template.content else None
    changes = {"version": template.version + 1, "updated_at": now(), "written_from": origin}
    return template.model_copy(update=_values(body) | changes)


def _values(body: TemplateBody) -> dict[str, Any]:
    return {"name": body.name, "kind": body.kind, "content": body.content, "variables": variables_of(body)}
