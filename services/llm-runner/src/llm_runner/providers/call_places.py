"""Which tool call a piece belongs to: providers count them, name them, do both, or neither."""

from dataclasses import dataclass, field, replace

import orjson

from llm_runner.providers.provider import ToolCallDelta


@dataclass
class _Call:
    id: str | None
    name: str | None
    arguments: list[str] = field(default_factory=list)

    @property
    def arguments_began(self) -> bool:
        return any(self.arguments)

    @property
    def complete(self) -> bool:
        """Whether its arguments are a JSON value already: nothing can follow."""
        try:
            orjson.loads("".join(self.arguments))
        except orjson.JSONDecodeError:
            return False
        return True


class CallPlaces:
    """Gives each piece the place of its call among the answer's calls: 0, 1, 2 ...

    A new id begins a call, whatever its index; an id that is known goes on with its own. Without an id a piece goes on
    with the call of its index, and without an index with the last one, unless it names another tool than that, or
    names one where that is complete. A name that comes in pieces is put together before any argument.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_id: dict[str, int] = {}
        self._by_index: dict[int, int] = {}

    def placed(self, piece: ToolCallDelta) -> ToolCallDelta:
        """The piece with its call's place as its index, and with as much of its tool's name as is known."""
        place = self._place(piece)
        if place is None:
            place = len(self._calls)
            self._calls.append(_Call(piece.id, piece.name))
            shown = replace(piece, index=place)
        else:
            shown = self._continued(self._calls[place], replace(piece, index=place))
        if piece.id:
            self._by_id[piece.id] = place
        if piece.index is not None:
            self._by_index[piece.index] = place
        self._calls[place].arguments.append(piece.arguments)
        return shown

    def _place(self, piece: ToolCallDelta) -> int | None:
        """None where the piece begins a call."""
        if piece.id and piece.id in self._by_id:
            return self._by_id[piece.id]
        last = len(self._calls) - 1 if self._calls else None
        place = self._by_index.get(piece.index) if piece.index is not None else last
        if place is None:
            return None
        call = self._calls[place]
        if piece.id:
            # One that was begun without its id may be told it later.
            return place if call.id is None and not call.arguments_began else None
        another = piece.name is not None and call.arguments_began and (piece.name != call.name or call.complete)
        return None if another else place

    def _continued(self, call: _Call, piece: ToolCallDelta) -> ToolCallDelta:
        """An id or a name that was said before is not said again; a fragment of a name makes it longer."""
        if piece.name and piece.name != call.name and not (piece.id and call.name):
            call.name = (call.name or "") + piece.name
            piece = replace(piece, name=call.name)
        call.id = call.id or piece.id
        return piece
