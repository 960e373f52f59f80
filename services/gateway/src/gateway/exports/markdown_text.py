"""What models and people wrote, as Markdown that shows it and does nothing else. Pure.

A report ends up in pull requests: an image would be fetched by everybody who reads it, HTML is taken as it is, a name
behind an @ is told of it, and a heading makes a chapter of its own.
"""

import re
from typing import Final

_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SIGNS: Final = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])|:(?=/)|(?<=[wW]{3})\.")
_BEGINS_A_BLOCK: Final = re.compile(r"[#+=-]|[0-9]{1,9}(?=[.)](?:\s|$))")
_AS_ENTITIES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
NOBODY: Final = "@\u200b"


def lines(text: str) -> list[str]:
    """Every line of a text, so that it is no part of the page's structure."""
    return [_beginning_escaped(_escaped(line)) for line in text.splitlines()]


def paragraphs(text: str) -> str:
    """A text that stands by itself, its lines kept."""
    return "\n".join(lines(text))


def one_line(text: str) -> str:
    """A text behind something else on its line: a cell of a table."""
    return " ".join(filter(None, map(_escaped, text.splitlines())))


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _escaped(line: str) -> str:
    # Four spaces at its beginning would make it a block of code.
    shown = _SIGNS.sub(r"\\\g<0>", _CONTROL_CHARACTERS.sub(" ", line).strip())
    return shown.translate(_AS_ENTITIES).replace("@", NOBODY)


def _beginning_escaped(line: str) -> str:
    """A number keeps its digits: its full stop is what would make a list of it."""
    begun = _BEGINS_A_BLOCK.match(line)
    if begun is None:
        return line
    end = begun.end() if begun[0].isdigit() else 0
    return f"{line[:end]}\\{line[end:]}"
