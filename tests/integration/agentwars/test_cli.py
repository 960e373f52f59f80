"""The command line as a process of its own, against a scripted gateway over real HTTP."""

import asyncio
import json
import os
import pty
import re
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from unit.agentwars.scripted_gateway import RUN, ended, event, message, report, status, whole_run

LIMIT_SECONDS = 20
COLOURED = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Scripted:
    """Plays one scale test: each connection tells `at_once` events and breaks; `holds` keeps the last one open."""

    events: tuple[bytes, ...] = field(default_factory=whole_run)
    at_once: int = 3
    holds: bool = False
    connections: list[str | None] = field(default_factory=list)
    canceled: bool = False

    def app(self) -> Starlette:
        routes = [
            Route("/api/scale/start", self.start, methods=["POST"]),
            Route(f"/api/runs/{RUN}/events", self.stream),
            Route(f"/api/runs/{RUN}/cancel", self.cancel, methods=["POST"]),
            Route(f"/api/runs/{RUN}/status", lambda _: JSONResponse(status())),
            Route(f"/api/runs/{RUN}/report", lambda _: JSONResponse(report())),
        ]
        return Starlette(routes=routes)

    async def start(self, _: Request) -> Response:
        return JSONResponse({"id": RUN, "status": "queued", "estimatedUsd": 0.01}, 202)

    async def cancel(self, _: Request) -> Response:
        self.canceled = True
        return JSONResponse(status(), 202)

    async def stream(self, request: Request) -> Response:
        last = request.headers.get("last-event-id")
        self.connections.append(last)
        told = int(last.removeprefix("e-")) if last else 0
        if told == len(self.events):
            return Response(status_code=204)
        return StreamingResponse(self._tell(told), media_type="text/event-stream")

    async def _tell(self, told: int) -> AsyncIterator[bytes]:
        yield b"retry: 10\n: hello\n\n"
        for piece in self.events[told : told + self.at_once]:
            yield piece[:9]  # an event in two packets
            yield piece[9:]
        if self.holds:
            await asyncio.sleep(LIMIT_SECONDS)


@contextmanager
def serving(scripted: Scripted) -> Iterator[str]:
    """The gateway in a thread; its URL."""
    config = uvicorn.Config(scripted.app(), port=0, log_level="critical", timeout_graceful_shutdown=0, ws="none")
    with closing(config.bind_socket()) as listening:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(LIMIT_SECONDS)


async def started(url: str, *arguments: str, **given: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentwars", "--url", url, *arguments),
        env=os.environ | {"COLUMNS": "100", "TERM": "xterm"} | given.pop("environment", {}),
        # What a shell runs in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **{"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE} | given,
    )


async def finished(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    async with asyncio.timeout(LIMIT_SECONDS):
        out, err = await process.communicate()
    return process.returncode or 0, (out or b"").decode(), (err or b"").decode()


async def test_a_run_over_breaking_connections_is_told_once_and_ends_well() -> None:
    scripted = Scripted()
    with serving(scripted) as url:
        code, out, err = await finished(await started(url, "scale", "run", "a1", "--runs", "2"))
    assert (code, err) == (0, "")
    assert scripted.connections == [None, "e-3", "e-6"]
    lines = out.splitlines()
    assert [line for line in lines if line.startswith("#1")] == [
        "#1 1 ◇ opponent: Hello",
        "#1 2 ◆ agent: It is refunded.",
        "#1 ended ✓ goal after 2 messages, ✓ goal reached, $0.002",
    ]
    assert "Report of run 01run" in lines


async def test_a_success_rate_below_what_is_asked_is_status_one() -> None:
    with serving(Scripted()) as url:
        code, _, _ = await finished(await started(url, "scale", "run", "a1", "--min-success", "0.8", "--json"))
    assert code == 1


async def test_json_lines_are_every_event_once_and_nothing_else() -> None:
    with serving(Scripted()) as url:
        code, out, _ = await finished(await started(url, "watch", RUN, "--json"))
    told = [json.loads(line)["type"] for line in out.splitlines()]
    assert (code, len(told), told[-1]) == (0, 9, "run.ended")


async def test_ctrl_c_ends_the_watching_and_not_the_run() -> None:
    scripted = Scripted(holds=True)
    with serving(scripted) as url:
        process = await started(url, "scale", "run", "a1", "--runs", "2")
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            await process.stdout.readuntil(b"It is refunded.\n")
        process.send_signal(signal.SIGINT)
        code, _, err = await finished(process)
    assert (code, scripted.canceled) == (130, False)
    assert f"agentwars watch {RUN}" in err
    assert "Traceback" not in err


async def on_terminal(url: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit status and all that a terminal of the process was sent."""
    ours, theirs = pty.openpty()
    process = await started(url, *arguments, stdin=theirs, stdout=theirs, stderr=theirs, environment=environment)
    os.close(theirs)
    read = asyncio.get_running_loop().run_in_executor(None, _everything, ours)
    code, _, _ = await finished(process)
    return code, await read


def _everything(terminal: int) -> str:
    read = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other end is closed
            piece = b""
        if not piece:
            os.close(terminal)
            return read.decode()
        read += piece


@pytest.mark.parametrize("no_color", ["", "1"])
async def test_a_terminal_gets_the_live_board_with_colours_only_where_they_are_wanted(no_color: str) -> None:
    with serving(Scripted(at_once=9)) as url:
        code, shown = await on_terminal(url, "scale", "run", "a1", "--runs", "2", NO_COLOR=no_color)
    assert code == 0
    assert "✓ goal 1" in shown
    coloured = any(re.search("3[0-7][;m]", sequence) for sequence in COLOURED.findall(shown))
    assert coloured is (no_color == "")


async def test_a_terminal_gets_the_words_of_a_single_conversation_as_they_come() -> None:
    told = {"conversationId": f"{RUN}-1", "seq": 1, "purpose": "turn", "attempt": "a"}
    over = status(kind="battle", total=1, goalReached=True, endedReason="goal", currentTurn=1)
    events = (
        event("attempt.started", 1, **told, side="agent"),
        event("delta", 2, **told, i=0, text="Take \x1b]0;owned\x07this "),
        event("delta", 3, **told, i=1, text="refund.\x1b[2J"),
        event("message", 4, **message(1, 1, "Take this refund.", side="agent")),
        event("conversation.ended", 5, **ended(1)),
        event("run.ended", 6, **over),
    )
    scripted = Scripted(events, at_once=2)
    with serving(scripted) as url:
        code, shown = await on_terminal(url, "watch", RUN, NO_COLOR="1")
    assert code == 0
    assert "owned" not in shown
    assert "\x1b[2J" not in shown
