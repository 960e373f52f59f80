"""The one way to the terminal. Models write what they like: nothing they wrote may steer it."""

import re
from collections.abc import Iterable
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# Whole escape sequences go first, so that their visible rest ("[31m", a window title) goes with them.
_ESCAPES: Final = re.compile(
    "\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)"  # operating system commands: titles, links, the clipboard
    "|\x1b[PX^_][^\x1b]*\x1b\\\\"  # strings for the device
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor moves, erasing
    "|\x1b[ -/]*[0-~]"
)
# C0 and C1 but for line feed and tab; then what turns the direction of text around, or is not there to see.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def clean(text: str) -> str:
    """The text without escape sequences, control characters (line feed and tab stay) and direction overrides."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def one_line(text: str) -> str:
    """The text cleaned, on one line, with single spaces."""
    return " ".join(clean(text).split())


def shortened(text: str, length: int) -> str:
    """The beginning of the text on one line, `…` where something was left out."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def last_words(text: str, length: int) -> str:
    """The end of the text on one line, `…` where something was left out."""
    line = one_line(text[-4 * length - 80 :])
    if len(line) <= length and len(text) <= 4 * length + 80:
        return line
    tail = line[-(length - 1) :]
    return f"…{tail.partition(' ')[2] if ' ' in tail else tail}"


class SafeConsole(Console):
    """A console that takes markup, emoji codes and highlights from nobody, and cleans whatever is printed on it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Every renderable, nested ones too, passes here: the last gate, so that no view can forget to clean."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=clean(segment.text))

    def say(self, *parts: str | Text) -> None:
        """One line of words, never wrapped or cut."""
        self.print(Text(" ").join(Text(part) if isinstance(part, str) else part for part in parts), soft_wrap=True)


def paper(stderr: bool = False, width: int | None = None) -> SafeConsole:
    """Standard output or standard error; colours as the terminal and NO_COLOR say."""
    return SafeConsole(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
