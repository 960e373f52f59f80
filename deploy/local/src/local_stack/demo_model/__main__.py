"""`python -m local_stack.demo_model`: the demo model as a process of its own, on the loopback interface only."""

import argparse
import asyncio
import logging
import socket
import sys
from pathlib import Path
from typing import Final

import uvicorn
from pydantic import ValidationError

from local_stack.demo_model.app import create_app
from local_stack.demo_model.settings import Control, Settings

HOST: Final = "127.0.0.1"
BACKLOG: Final = 2048


class _AnnouncedServer(uvicorn.Server):
    """Prints where it listens as soon as it does, for whoever waits on its output."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            print(f"demo model on http://{HOST}:{sockets[0].getsockname()[1]}", flush=True)


class _WantedFailures(logging.Filter):
    """Leaves out what uvicorn reports of answers that were cut on purpose or ended with the server."""

    def filter(self, record: logging.LogRecord) -> bool:
        cancelled = bool(record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
        return not cancelled and record.getMessage() != "ASGI callable returned without completing response."


def main(arguments: list[str] | None = None) -> int:
    """Runs the server until it is told to stop; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_WantedFailures())
    try:
        app = create_app(_settings(options))
        listener = _listen(options.port)
    except (ValidationError, OSError) as error:
        print(f"demo model: cannot start: {error}", file=sys.stderr)
        return 2
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        backlog=BACKLOG,
    )
    try:
        _AnnouncedServer(config).run(sockets=[listener])
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack.demo_model", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--seed", type=int, default=7, help="what every answer depends on")
    parser.add_argument("--ledger", type=Path, help="file of JSON lines that records every call")
    parser.add_argument("--require-key", metavar="KEY", help="answer 401 to requests without this key")
    parser.add_argument("--time-to-first-token", type=float, default=0.05, metavar="SECONDS")
    parser.add_argument("--tokens-per-second", type=float, default=80.0, metavar="WORDS")
    parser.add_argument("--total-seconds", type=float, help="spread every answer evenly over this time instead")
    parser.add_argument("--words-per-chunk", type=int, default=1, metavar="WORDS")
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    control = Control(
        time_to_first_token_seconds=options.time_to_first_token,
        tokens_per_second=options.tokens_per_second,
        total_seconds=options.total_seconds,
        words_per_chunk=options.words_per_chunk,
    )
    return Settings(seed=options.seed, ledger=options.ledger, require_key=options.require_key, control=control)


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio switches Nagle's algorithm off: without it small answers wait 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


if __name__ == "__main__":
    sys.exit(main())
