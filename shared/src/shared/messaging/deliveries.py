"""What the broker delivers, read: one contract out of one message, once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from nats.aio.msg import Msg
from pydantic import ValidationError

from shared.contracts.model import Message
from shared.errors import PermanentError
from shared.tracebacks import problems

TYPE_HEADER = "Aw-Type"
Contract = TypeVar("Contract", bound=Message)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One coming of a message; `message` is the broker's, which is settled behind the handler.

    `first` says that it never came before (delivery_counts.py).
    """

    message: Msg
    first: bool


class UnreadableMessage(PermanentError):
    """What stands on a subject is not what belongs there. No word of it is in the text."""

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(f"a message on {subject} cannot be read: {problem}")


class MessageReader:
    """Reads messages of some contracts: the one that `Aw-Type` names, the first of them where it names none."""

    def __init__(self, *contracts: type[Message]) -> None:
        self._usual, *others = contracts
        self._others = {one.model_fields["type"].default: one for one in others}

    def __call__(self, message: Msg) -> Message:
        """The contract. Raises UnreadableMessage."""
        contract = self._usual
        if self._others:
            contract = self._others.get((message.headers or {}).get(TYPE_HEADER), contract)
        return read(message, contract)


def read(message: Msg, contract: type[Contract]) -> Contract:
    """What stands in a message. Raises UnreadableMessage."""
    try:
        return contract.model_validate_json(message.data)
    except ValidationError as error:
        raise UnreadableMessage(message.subject, problems(error)) from error


def annotation_of(handler: Callable[..., Any]) -> Any:
    """What a handler says that its first parameter is: a contract, or several (`GenerationStored | UsageAppeared`)."""
    return next(iter(inspect.signature(handler, eval_str=True).parameters.values())).annotation


def contracts_of(handler: Callable[..., Any]) -> tuple[type[Message], ...]:
    """The contracts that a handler takes."""
    annotation = annotation_of(handler)
    return get_args(annotation) or (annotation,)
