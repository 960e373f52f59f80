"""Prompt templates, versioned as agents are."""

from shared.contracts.record import Record, Timestamp


class PromptTemplate(Record):
    """A text that prompts are made from. `kind` is the author's own word for what it is for.

    `variables` are the names that stand in it as `{{name}}`.
    """

    id: str
    tenant: str = "default"
    version: int = 1
    name: str
    kind: str
    content: str
    variables: tuple[str, ...] = ()
    archived: bool = False
    created_at: Timestamp
    updated_at: Timestamp
