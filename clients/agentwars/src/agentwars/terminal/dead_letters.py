"""Dead letters on the terminal."""

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agentwars.answers import DeadLetter
from agentwars.terminal.console import clean, one_line
from agentwars.terminal.formatting import moment


def letters_view(letters: Sequence[DeadLetter]) -> RenderableType:
    if not letters:
        return Text("No work was given up.", style="dim")
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("id", "kind", "at (UTC)", "what", "why"):
        table.add_column(name, no_wrap=name in ("id", "kind", "at (UTC)"))
    for letter in letters:
        table.add_row(letter.id, letter.kind, moment(letter.at), _what(letter), _why(letter))
    return table


def letter_view(letter: DeadLetter) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    rows = [("at (UTC)", moment(letter.at)), ("run", letter.run_id), ("subject", letter.subject)]
    for name, value in rows:
        if value:
            facts.add_row(name, one_line(value))
    facts.add_row("what", _what(letter))
    facts.add_row("why", _why(letter))
    payload = Text(clean(json.dumps(letter.payload or {}, indent=2, ensure_ascii=False)))
    head = Text(f"dead letter {letter.id} ({letter.kind})", style="bold")
    return Group(head, facts, Text(), Padding(payload, (0, 0, 0, 2)))


def _what(letter: DeadLetter) -> Text:
    return Text(one_line(letter.key or letter.run_id or "a message nobody could read"))


def _why(letter: DeadLetter) -> Text:
    return Text(one_line(f"{letter.error.code}: {letter.error.message}"), style="red")
