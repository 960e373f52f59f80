"""A run for pipes, files and CI logs: one line for every fact, nothing for hints."""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.text import Text

from agentwars.sse import Event
from agentwars.terminal.board import Board, ConversationState
from agentwars.terminal.console import SafeConsole, one_line, shortened
from agentwars.terminal.formatting import UNJUDGED, goal, interval, percent, side, state, usd

_MESSAGE_LENGTH: Final = 160


class PlainLines:
    """`whole` shows messages in full length."""

    def __init__(self, paper: SafeConsole, board: Board, whole: bool = False) -> None:
        self._paper = paper
        self._board = board
        self._whole = whole

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is open."""

    def show(self, event: Event) -> None:
        talk = self._board.apply(event)
        say = _SAYINGS.get(event.type)
        line = say(self, talk, event) if say else None
        if line is not None:
            self._paper.say(line)

    def started(self, _: ConversationState | None, __: Event) -> Text:
        board = self._board
        many = "conversation" if board.total == 1 else "conversations"
        about = f" with {one_line(board.agent)}" if board.agent else ""
        return Text(f"run {board.run_id}: {board.total} {many}{about}, budget {usd(board.max_budget_usd or 0)}")

    def message(self, talk: ConversationState | None, event: Event) -> Text | None:
        if talk is None:
            return None
        limit = f"/{self._board.message_limit}" if self._board.message_limit else ""
        content = event.data.get("content") or "(longer than 64 KB: read it with `agentwars runs messages`)"
        text = one_line(content) if self._whole else shortened(content, _MESSAGE_LENGTH)
        return _of(talk) + Text(f"{event.data['seq']}{limit} ") + side(talk.side) + Text(f": {text}")

    def conversation_ended(self, talk: ConversationState | None, _: Event) -> Text | None:
        if talk is None:
            return None
        line = _of(talk) + Text("ended ") + state(talk.state) + Text(f" after {talk.seq} messages, ")
        line += goal(talk.goal_reached) + Text(f", {usd(None if self._board.hidden_cost else talk.cost_usd)}")
        return line + Text(f": {one_line(talk.error)}") if talk.error else line

    def control(self, _: ConversationState | None, __: Event) -> Text:
        return Text("run ") + state(self._board.status)

    def report(self, _: ConversationState | None, event: Event) -> Text:
        data = event.data
        if data.get("status") == "unavailable":
            return Text(f"report without prose: {one_line(str(data.get('reason') or 'no reason given'))}")
        if data.get("successRate") is None:
            only = ": statistics only, nobody judged" if data.get("reason") == UNJUDGED else ""
            return Text(f"report ready{only}")
        bounds = interval(data.get("successInterval"))
        return Text(
            f"report ready: success rate {percent(data['successRate'])}{f' (95 %: {bounds})' if bounds else ''}"
        )

    def ended(self, _: ConversationState | None, __: Event) -> Text:
        board = self._board
        reached = "none judged" if board.goals is None else f"{board.goals} reached the goal"
        counts = f": {board.ended} of {board.total} ended, {reached}, {usd(board.cost_usd)}"
        return Text("run ") + state(board.status) + Text(counts)

    def gap(self, _: ConversationState | None, __: Event) -> Text:
        return Text("some events were missed and are read again", style="dim")


_SAYINGS: Final[dict[str, Callable[[PlainLines, ConversationState | None, Event], Text | None]]] = {
    "run.started": PlainLines.started,
    "message": PlainLines.message,
    "conversation.ended": PlainLines.conversation_ended,
    "run.paused": PlainLines.control,
    "run.resumed": PlainLines.control,
    "run.canceled": PlainLines.control,
    "report.ready": PlainLines.report,
    "run.ended": PlainLines.ended,
    "gap": PlainLines.gap,
}


def _of(talk: ConversationState) -> Text:
    return Text(f"#{talk.index} ", style="bold")
