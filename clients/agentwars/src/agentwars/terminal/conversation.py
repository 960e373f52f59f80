"""One conversation on a terminal: the text of each message as it is produced."""

from types import TracebackType
from typing import Final, Self

from rich.cells import cell_len
from rich.text import Text

from agentwars.sse import Event
from agentwars.terminal.board import Board, ConversationState
from agentwars.terminal.console import SafeConsole, clean, one_line
from agentwars.terminal.formatting import SIDE_STYLES, side

_INDENT: Final = 2


class ConversationStream:
    """Prints what the board's text grew by. A discarded attempt's text stays, marked as such."""

    def __init__(self, paper: SafeConsole, board: Board) -> None:
        self._paper = paper
        self._board = board
        self._writer = WrappedWriter(paper)
        self._talk = ""  # whose message stands on the terminal, and of it what
        self._seq = 0
        self._shown = ""
        self._whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.end()

    def show(self, event: Event) -> None:
        before = self._shown
        talk = self._board.apply(event)
        if event.type == "attempt.discarded" and talk is not None and before and not talk.text:
            self._discard(event)
        elif talk is not None and talk.text:
            self._grow(talk)
        if event.type == "message" and talk is not None and not self._whole:
            self._writer.end()
            self._paper.print()
            self._whole = True

    def _grow(self, talk: ConversationState) -> None:
        if (talk.id, talk.open_seq) != (self._talk, self._seq):
            self._head(talk)
        elif not talk.text.startswith(self._shown):
            # Deltas were lost, or another attempt's text is the one that counts.
            self._note("the text above was replaced")
        self._writer.write(talk.text[len(self._shown) :], SIDE_STYLES.get(talk.side, ""))
        self._shown = talk.text

    def _head(self, talk: ConversationState) -> None:
        self._writer.end()
        limit = f"/{self._board.message_limit}" if self._board.message_limit else ""
        self._paper.say(side(talk.side), Text(f"{talk.open_seq}{limit}", style="dim"))
        self._talk, self._seq, self._shown, self._whole = talk.id, talk.open_seq, "", False

    def _discard(self, event: Event) -> None:
        then = {"retry": "trying again", "fallback": "another model answers"}.get(
            event.data.get("next", ""), "given up"
        )
        self._note(f"discarded: {one_line(str(event.data.get('reason')))}; {then}")

    def _note(self, text: str) -> None:
        self._writer.end()
        self._paper.say(Text(f"  ({text})", style="dim italic"))
        self._shown = ""


class WrappedWriter:
    """Writes growing text, wrapped at words and indented; a word waits until the next space shows its end."""

    def __init__(self, paper: SafeConsole) -> None:
        self._paper = paper
        self._column = 0
        self._word = ""
        self._ready = ""
        self._style = ""

    def write(self, text: str, style: str) -> None:
        self._style = style
        for character in clean(text).expandtabs(2):
            if character == "\n":
                self._put_word()
                self._break()
            elif character == " ":
                self._put_word()
                self._put(" ")
            else:
                self._word += character
        self._flush()

    def end(self) -> None:
        """Closes the line, if one is open."""
        self._put_word()
        if self._column:
            self._break()

    def _put_word(self) -> None:
        if self._word:
            if self._column > _INDENT and self._column + cell_len(self._word) > self._paper.width:
                self._break()
            self._put(self._word)
            self._word = ""

    def _put(self, text: str) -> None:
        if self._column == 0:
            if text == " ":
                return
            self._ready, self._column = " " * _INDENT, _INDENT
        self._ready += text
        self._column += cell_len(text)

    def _break(self) -> None:
        self._flush()
        self._paper.print()
        self._column = 0

    def _flush(self) -> None:
        if self._ready:
            self._paper.print(Text(self._ready, style=self._style), end="", soft_wrap=True)
            self._ready = ""
