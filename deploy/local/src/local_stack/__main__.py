"""python -m local_stack up | demo"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local_stack.commands import demo, up, wants_demo_model
from local_stack.demo_registry import DEMO_DIALECTS, OPENAI
from local_stack.errors import DataDirectoryInUse, LocalStackError, PortTaken, UnknownService

_USAGE_STATUS = 2
_FAILURE_STATUS = 1


def parser() -> argparse.ArgumentParser:
    """The command line; defaults come from the environment."""
    root = argparse.ArgumentParser(prog="python -m local_stack", description="The whole stack on one machine.")
    commands = root.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="run the stack until Ctrl-C")
    up_parser.add_argument("--port", type=int, default=os.environ.get("AGENTWARS_PORT", "8080"))
    up_parser.add_argument("--data-dir", type=Path, default=os.environ.get("AGENTWARS_DATA_DIR", ".agentwars"))
    up_parser.add_argument(
        "--replicas",
        type=_replica,
        action="append",
        default=[],
        metavar="SERVICE=N",
        help="for example gateway=2",
    )
    demo_parser = commands.add_parser("demo", help="start a stack, run a scale test, print its report, end everything")
    demo_parser.add_argument("--keep", action="store_true", help="keep the data and the logs")
    for command in (up_parser, demo_parser):
        command.add_argument(
            "--demo-model",
            action=argparse.BooleanOptionalAction,
            default=wants_demo_model(os.environ),
            help="the scripted model; by default unless OPENAI_API_KEY or AGENTWARS_PROVIDERS is set",
        )
        command.add_argument(
            "--dialect",
            choices=DEMO_DIALECTS,
            action="append",
            help="what the scripted model is called in, openai by default; each is a provider of its own",
        )
    return root


def _replica(text: str) -> tuple[str, int]:
    service, separator, count = text.partition("=")
    if not separator or not count.isdecimal() or int(count) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form SERVICE=N with N of 1 or more")
    return service, int(count)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 2 if the request cannot be met and nothing was started, 1 for other errors."""
    chosen = parser().parse_args(arguments)
    dialects = chosen.dialect or OPENAI
    try:
        if chosen.command == "up":
            return asyncio.run(up(chosen.data_dir, chosen.port, dict(chosen.replicas), chosen.demo_model, dialects))
        return asyncio.run(demo(chosen.keep, chosen.demo_model, dialects))
    except (PortTaken, DataDirectoryInUse, UnknownService) as error:
        print(f"agentwars: {error}", file=sys.stderr)
        return _USAGE_STATUS
    except LocalStackError as error:
        print(f"agentwars: {error}", file=sys.stderr)
        return _FAILURE_STATUS


if __name__ == "__main__":
    sys.exit(main())
