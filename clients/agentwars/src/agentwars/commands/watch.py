"""Following a run to its end in the fitting view, and judging how it ended."""

import asyncio
from contextlib import AbstractContextManager, aclosing
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

from agentwars.answers import Report, Run
from agentwars.client import Client
from agentwars.commands.session import BELOW, OK, Session, write_json
from agentwars.errors import ApiError, ServiceUnavailable
from agentwars.sse import Event
from agentwars.terminal.board import Board
from agentwars.terminal.conversation import ConversationStream
from agentwars.terminal.lines import PlainLines
from agentwars.terminal.live import LiveBoard

_REPORT_TRIES: Final = 30
_REPORT_PAUSE_SECONDS: Final = 1.0


class View(Protocol):
    """Shows events as they come."""

    def show(self, event: Event) -> None: ...


class JsonLines:
    """Every event as one JSON line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is open."""

    def show(self, event: Event) -> None:
        write_json({"type": event.type} | event.data)


class Nothing(JsonLines):
    """For --json without --follow: the end is all that is asked for."""

    def show(self, event: Event) -> None:
        pass


async def follow(
    session: Session, client: Client, board: Board, *, events: bool = True, start: Literal["start", "now"] = "start"
) -> Run:
    """Follows the run to its end and returns how it stands then. `events` asks for JSON lines where JSON is meant."""
    session.run_id = board.run_id
    ended: Run | None = None
    with _view(session, board, events) as view:
        async with aclosing(client.follow(board.run_id, start=start)) as heard:
            async for event in heard:
                view.show(event)
                ended = Run.model_validate(event.data) if event.type == "run.ended" else None
    return ended or await client.run(board.run_id)


def _view(session: Session, board: Board, events: bool) -> AbstractContextManager[View]:
    if session.as_json:
        return JsonLines() if events else Nothing()
    if not session.on_terminal:
        return PlainLines(session.out, board, whole=board.total == 1)
    return ConversationStream(session.out, board) if board.total == 1 else LiveBoard(session.out, board)


async def report_of(client: Client, run_id: str) -> Report | None:
    """The report of an ended run; it is asked for during half a minute at most."""
    for left in reversed(range(_REPORT_TRIES)):
        try:
            report = await client.report(run_id)
        except (ServiceUnavailable, ApiError) as trouble:
            if left == 0 or (isinstance(trouble, ApiError) and not trouble.passes):
                raise
            report = None
        if report is not None:
            return report
        await asyncio.sleep(_REPORT_PAUSE_SECONDS)
    return None


def verdict(run: Run, report: Report | None, min_success: float | None) -> int:
    """1 where the run failed or was cancelled, or its success rate is below what was asked for; else 0."""
    if run.status in ("failed", "canceled"):
        return BELOW
    if min_success is None:
        return OK
    rate = report.stats.success_rate if report is not None else None
    if rate is None and run.total == 1 and run.goal_reached is not None:
        rate = float(run.goal_reached)
    return OK if rate is not None and rate >= min_success else BELOW


def final_object(run: Run, report: Report | None) -> dict[str, Any]:
    """What --json prints of a run that has ended: its status object, with the report."""
    return run.wire() | {"report": report.wire() if report is not None else None}
