"""A run's settings as they are stored: what its scenarios have in common stands in the first one only.

The same agent with fifty personas is one agent: written out fifty times it would be more than a document may hold.
"""

from typing import Any

from shared.contracts.settings import ConversationSettings, RunSettings
from shared.storage.driver import Document


def packed(settings: Document) -> Document:
    """The document without what later scenarios share with the first."""
    scenarios: list[Document] = list(settings["scenarios"])
    first = scenarios[0] if scenarios else {}
    later = [{name: value for name, value in one.items() if value != first.get(name)} for one in scenarios[1:]]
    return settings | {"scenarios": [*scenarios[:1], *later]}


def unpacked(settings: Document) -> RunSettings:
    """The settings of a document, packed or written out as by older versions; what is shared is one object."""
    scenarios: list[Document] = settings["scenarios"]
    if len(scenarios) < 2:
        return RunSettings.model_validate(settings)
    first = ConversationSettings.model_validate(scenarios[0])
    shared: dict[str, Any] = {name: getattr(first, name) for name in ConversationSettings.model_fields}
    later = [ConversationSettings.model_validate(shared | one) for one in scenarios[1:]]
    return RunSettings.model_validate(settings | {"scenarios": (first, *later)})
