"""The command line: `agentwars COMMAND`."""

import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from agentwars.commands import agents, battle, dead_letters, runs, scale
from agentwars.commands.assist import assist
from agentwars.commands.demo import demo
from agentwars.commands.report import report, watch
from agentwars.commands.session import DEFAULT_URL, Session

_WITH_VALUE: Final = ("--url", "--key")
_FLAGS: Final = ("--json",)


class GlobalOptionsAnywhere(TyperGroup):
    """Takes the global options before and after the command: `agentwars runs list --json` means what it says."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, global_first(args))


def global_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the global options in front; what follows `--` stays where it is."""
    first: list[str] = []
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        if word == "--":
            rest += [word, *pending]
            break
        if word in _FLAGS or word.partition("=")[0] in _WITH_VALUE:
            first.append(word)
            if word in _WITH_VALUE and pending:
                first.append(pending.pop(0))
        else:
            rest.append(word)
    return first + rest


cli = typer.Typer(
    cls=GlobalOptionsAnywhere,
    name="agentwars",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Put an LLM agent through many conversations, watch them live, read why it fails.\n\n"
    "Exit status: 0 fine, 1 success rate below --min-success or the run failed, 2 bad input, 3 service unavailable, "
    "130 interrupted (the run goes on).",
)


@cli.callback()
def globals_of_all(
    context: typer.Context,
    url: Annotated[str, typer.Option("--url", envvar="AGENTWARS_URL", help="The gateway.")] = DEFAULT_URL,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output, and nothing else.")] = False,
    key: Annotated[str | None, typer.Option("--key", envvar="AGENTWARS_KEY", help="Your API key.")] = None,
) -> None:
    given = context.obj if isinstance(context.obj, Session) else Session()
    given.url, given.as_json, given.key = url, as_json, key
    context.obj = given


cli.command()(demo)
cli.add_typer(battle.commands, name="battle")
cli.add_typer(scale.commands, name="scale")
cli.command()(watch)
cli.command()(report)
cli.add_typer(runs.commands, name="runs")
cli.add_typer(agents.commands, name="agents")
cli.add_typer(dead_letters.commands, name="dead-letters")
cli.command()(assist)


def app() -> None:
    """Runs the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our glyphs shows `?`, not a traceback
    cli()
