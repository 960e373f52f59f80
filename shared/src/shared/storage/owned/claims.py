"""Asking in an owner's name for what is not theirs is a mistake of ours: it is said, and nothing is read or written."""

from typing import Protocol, TypeVar

from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.errors import PermanentError


class NotTheirs(PermanentError):
    """A run, or a row of one, was asked for in the name of an owner it does not belong to."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} does not belong to whom it was asked for: look it up in their store first")


class _OfTenant(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...


Thing = TypeVar("Thing", bound=_OfTenant)


def claim(owner: Owner, run: Run) -> Run:
    """The run, where it is the owner's. Raises NotTheirs."""
    if not run.is_of(owner):
        raise NotTheirs(f"run {run.id}")
    return run


def claim_conversation(run: Run, conversation: str) -> str:
    """The conversation's id, where it is one of the run's. Raises NotTheirs."""
    if conversation != run.id and not conversation.startswith(f"{run.id}-"):
        raise NotTheirs(f"conversation {conversation}")
    return conversation


def claim_thing(owner: Owner, thing: Thing) -> Thing:
    """The thing, where it is the owner's tenant's. Raises NotTheirs."""
    if thing.tenant != owner.tenant:
        raise NotTheirs(thing.id)
    return thing
