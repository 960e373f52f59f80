"""Prompt templates on the wire."""

import re
from typing import Annotated

from pydantic import Field

from gateway.schemas.fields import Body, Name, Prompt
from shared.contracts.model import Contract
from shared.contracts.origin import Origin
from shared.contracts.templates import PromptTemplate
from shared.contracts.timestamps import Timestamp

VARIABLES = 50
_STANDS_IN = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*\}\}")


class TemplateBody(Body):
    """What a template is made of; PUT replaces all of it.

    Where no `variables` are sent they are the names that stand in the content as `{{name}}`.
    """

    name: Name
    kind: Name
    content: Prompt
    variables: Annotated[list[Name] | None, Field(max_length=VARIABLES)] = None


class TemplateView(Contract):
    """A prompt template in one version."""

    id: str
    version: int
    name: str
    kind: str
    content: str
    variables: tuple[str, ...]
    written_from: Origin | None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, template: PromptTemplate) -> "TemplateView":
        return cls.model_validate(template.model_dump())


class TemplatePage(Contract):
    items: list[TemplateView]
    next_cursor: str | None = None


def variables_of(body: TemplateBody) -> tuple[str, ...]:
    """The variables a body names, or those that stand in its content, each once."""
    named = _STANDS_IN.findall(body.content)[:VARIABLES] if body.variables is None else body.variables
    return tuple(dict.fromkeys(named))
