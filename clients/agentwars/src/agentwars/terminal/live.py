"""Many conversations on a terminal: a line each, a bar for all, redrawn as they move."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agentwars.sse import Event
from agentwars.terminal.board import Board, ConversationState
from agentwars.terminal.console import SafeConsole, last_words, one_line
from agentwars.terminal.formatting import SIDE_GLYPHS, SIDE_STYLES, bar, goals, seconds, state, usd

_REDRAW_SECONDS: Final = 0.12
_BAR: Final = 10
_LONGEST_CONVERSATION: Final = 25
_ROWS_BESIDE: Final = 6  # the header, the total and the shell's prompt
_FIXED_COLUMNS: Final = 46


class LiveBoard:
    """Draws the board some eight times a second while it is open, and leaves its last state on the terminal."""

    def __init__(self, paper: SafeConsole, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self._paper = paper
        self._board = board
        self._clock = clock
        self._began = clock()
        self._live = Live(console=paper, auto_refresh=False, get_renderable=self.draw, vertical_overflow="crop")
        self._tick: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._live.start()
        self._redraw()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._tick is not None:
            self._tick.cancel()
        self._live.refresh()
        self._live.stop()

    def show(self, event: Event) -> None:
        self._board.apply(event)

    def draw(self) -> RenderableType:
        """The whole view as it is now."""
        return Group(self._title(), self._talks(), self._total())

    def _redraw(self) -> None:
        self._live.refresh()
        self._tick = asyncio.get_running_loop().call_later(_REDRAW_SECONDS, self._redraw)

    def _title(self) -> Text:
        board = self._board
        line = Text(f"Run {board.run_id}", style="bold")
        if board.agent:
            line.append(f"  {one_line(board.agent)}", style="cyan")
        return line.append(f"  {board.total} conversations\n", style="not bold dim")

    def _talks(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for width, justify in ((4, "right"), (12, "left"), (_BAR, "left"), (5, "right")):
            table.add_column(width=width, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column(no_wrap=True, overflow="ellipsis")
        shown, left_out = self._chosen()
        for talk in shown:
            table.add_row(*self._row(talk))
        if left_out:
            table.add_row("", Text(f"and {left_out} more", style="dim"))
        return table

    def _chosen(self) -> tuple[list[ConversationState], int]:
        """As many as the terminal is high: those that are playing, then those that have ended last."""
        talks = sorted(self._board.talks.values(), key=lambda talk: talk.index)
        room = max(3, self._paper.height - _ROWS_BESIDE)
        if len(talks) <= room:
            return talks, 0
        kept = sorted(talks, key=lambda talk: (talk.ended_reason is not None, -talk.index))[: room - 1]
        return sorted(kept, key=lambda talk: talk.index), len(talks) - len(kept)

    def _row(self, talk: ConversationState) -> tuple[RenderableType, ...]:
        limit = self._board.message_limit
        style = {"goal": "green", "playing": "cyan", "error": "red"}.get(talk.state, "yellow")
        turn = f"{talk.turn}/{limit}" if limit else str(talk.turn)
        return (
            Text(f"#{talk.index}", style="bold"),
            state(talk.state),
            bar(talk.turn / (limit or _LONGEST_CONVERSATION), _BAR, style),
            Text(turn, style="dim"),
            self._words(talk),
        )

    def _words(self, talk: ConversationState) -> Text:
        if talk.error:
            return Text(one_line(talk.error), style="red")
        room = max(16, self._paper.width - _FIXED_COLUMNS)
        style = "dim" if talk.ended_reason else SIDE_STYLES.get(talk.side, "")
        return Text(f"{SIDE_GLYPHS.get(talk.side, ' ')} {last_words(talk.text, room) or '…'}", style=style)

    def _total(self) -> Text:
        board = self._board
        budget = f" of {usd(board.max_budget_usd)}" if board.max_budget_usd else ""
        line = Text("\n") + bar(board.ended / max(1, board.total), 24, "green")
        line.append(f" {board.ended}/{board.total}", style="bold")
        line += Text("   ") + goals(board.goals)
        line.append(f"   {usd(board.cost_usd)}{budget}   {seconds(self._clock() - self._began)}   ")
        return line + (Text("✎ writing the report", style="cyan") if self._writes() else state(board.status))

    def _writes(self) -> bool:
        return self._board.status == "running" and self._board.reporting
