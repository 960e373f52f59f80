"""Prompt templates, versioned as agents are."""

from shared.contracts.model import Contract
from shared.contracts.origin import Origin
from shared.contracts.timestamps import Timestamp


class PromptTemplate(Contract):
    """A text that prompts are made from. `kind` is the author's own word for what it is for.

    `variables` are the names that stand in it as `{{name}}`; `written_from` says where it comes from, where no person
    wrote this version.
    """

    id: str
    tenant: str
    version: int = 1
    name: str
    kind: str
    content: str
    variables: tuple[str, ...] = ()
    written_from: Origin | None = None
    archived: bool = False
    created_at: Timestamp
    updated_at: Timestamp
