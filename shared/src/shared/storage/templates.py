"""The repository of prompt templates and of every version they had."""

from shared.contracts.templates import PromptTemplate
from shared.storage.driver import Collection
from shared.storage.versioned import Versioned


class Templates(Versioned[PromptTemplate]):
    """A tenant's prompt templates."""

    def __init__(self, current: Collection, former: Collection) -> None:
        super().__init__(PromptTemplate, current, former, "template_id")
