"""The tools a model asks for, put together from the pieces in which they come."""

import orjson

from llm_runner.providers.provider import ProviderFailure, ToolCallDelta
from shared.contracts.bounds import LARGEST_DEPTH, depth, json_bytes
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.transcript import ToolCall

MOST_TOOL_CALLS = 128
MOST_CHARACTERS = 500_000
MOST_BYTES = 500_000
"""Of all calls as they stand in their message's fact, beside 64 KB of text that takes six times as much at worst."""


class _Call:
    def __init__(self, identity: str, name: str) -> None:
        self.id = identity
        self.name = name
        self.arguments: list[str] = []
        self.beside: str | None = None


class TooMuch(ProviderFailure):
    """More tools, or longer arguments, than any model asks for."""

    def __init__(self) -> None:
        message = "the model asked for more tools than can be kept"
        super().__init__(Family.BAD_REQUEST, message)


class ToolCallReader:
    """Puts the pieces of each call together, in order (`providers/call_places.py` says which call they are of).

    `attempt` names the calls of providers that do not: an id is needed for the result that answers it.
    """

    def __init__(self, attempt: str) -> None:
        self.length = 0
        self._attempt = attempt
        self._calls: list[_Call] = []
        self._open: dict[int | None, _Call] = {}

    def add(self, piece: ToolCallDelta) -> None:
        """Raises ProviderFailure for more calls, or longer ones, than any model asks for."""
        call = self._open.get(piece.index)
        if call is None:
            call = _Call(piece.id or f"call-{self._attempt}-{len(self._calls)}", piece.name or "")
            self._open[piece.index] = call
            self._calls.append(call)
        elif piece.name:
            call.name = piece.name
        call.arguments.append(piece.arguments)
        call.beside = piece.beside or call.beside
        self.length += len(piece.arguments) + len(piece.name or "")
        if len(self._calls) > MOST_TOOL_CALLS or self.length > MOST_CHARACTERS:
            raise TooMuch

    def calls(self, provider: str, *, cut: bool = False) -> tuple[ToolCall, ...]:
        """Every call; the last one is left out where the answer was `cut` in its arguments: it is not to be done.

        Raises ProviderFailure where one has no name, or arguments that are no JSON object to be kept.
        """
        found = []
        for call in self._calls:
            arguments = "".join(call.arguments).strip() or "{}"
            if not call.name or not _is_object(arguments):
                if cut and call is self._calls[-1]:
                    break
                message = f"{provider} asked for the tool {call.name!r} with arguments that are no JSON object"
                raise ProviderFailure(Family.PROTOCOL, message)
            found.append(ToolCall(id=call.id, name=call.name, input=arguments, beside=call.beside))
        if self.length and json_bytes([call.model_dump() for call in found]) > MOST_BYTES:
            raise TooMuch
        return tuple(found)

    @property
    def described(self) -> str:
        """What was asked for, as it came, for people who look for a fault."""
        return "\n".join(f"{call.name}({''.join(call.arguments)})" for call in self._calls)


def _is_object(text: str) -> bool:
    """Whether a text is a JSON object; one that is nested too deeply is none that can be shown."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and depth(value) <= LARGEST_DEPTH
