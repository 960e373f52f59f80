"""One invocation of the command line: where it talks to, how it prints, what its ending says."""

import asyncio
import json
import math
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import RenderableType

from agentwars.answers import Answer
from agentwars.client import Client
from agentwars.errors import AgentWarsError, ApiError, BrokenStream, ServiceUnavailable, UnusableAnswer
from agentwars.terminal.console import SafeConsole, one_line, paper

DEFAULT_URL: Final = "http://127.0.0.1:8080"
OK, BELOW, BAD_INPUT, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130
_ADVICE: Final = {
    "unauthorized": "Give your key with --key or AGENTWARS_KEY.",
    "not_found": "See what is there: agentwars runs list, agentwars agents list.",
    "invalid_agent": "See which agents there are: agentwars agents list.",
    "models_unavailable": "Is a provider's key set, and does the provider answer?",
}


@dataclass
class Session:
    """`run_id` is the run that goes on when this process is interrupted."""

    url: str = DEFAULT_URL
    as_json: bool = False
    key: str | None = None
    transport: httpx.AsyncBaseTransport | None = None
    run_id: str | None = None
    out: SafeConsole = field(default_factory=paper)
    err: SafeConsole = field(default_factory=lambda: paper(stderr=True))

    @property
    def on_terminal(self) -> bool:
        """Whether a person watches standard output as it is written."""
        return self.out.is_terminal and not self.as_json

    def say(self, *parts: str) -> None:
        """A line for people; nothing with --json."""
        if not self.as_json:
            self.out.say(*parts)

    def show(self, value: Answer | Sequence[Answer], view: RenderableType) -> None:
        """The answer as one JSON object (a list as `{"items": [...]}`), or its view."""
        if not self.as_json:
            self.out.print(view)
        elif isinstance(value, Answer):
            write_json(value.wire())
        else:
            write_json({"items": [item.wire() for item in value]})

    def run(self, work: Callable[["Session", Client], Awaitable[int]]) -> int:
        """Does the work and returns the exit status: 0, 1 (below), 2 (refused), 3 (unavailable), 130 (Ctrl-C)."""
        try:
            return asyncio.run(self._with_client(work))
        except AgentWarsError as error:
            self._complain(error)
            return _status_of(error)
        except KeyboardInterrupt:
            self._say_goodbye()
            return INTERRUPTED

    async def _with_client(self, work: Callable[["Session", Client], Awaitable[int]]) -> int:
        async with Client(self.url, self.key, self.transport) as client:
            return await work(self, client)

    def _complain(self, error: AgentWarsError) -> None:
        if self.as_json:
            write_json(_error_object(error), sys.stderr)
            return
        self.err.say(f"✗ {one_line(str(error))}")
        if isinstance(error, ApiError):
            for line in _explained(error):
                self.err.say(f"  {line}")

    def _say_goodbye(self) -> None:
        self.err.say("\nInterrupted.")
        if self.run_id is not None:
            self.err.say("The run goes on, as long as its stack does:")
            self.err.say(f"  watch it   agentwars watch {self.run_id}")
            self.err.say(f"  end it     agentwars runs cancel {self.run_id}")


def execute(context: typer.Context, work: Callable[[Session, Client], Awaitable[int]]) -> None:
    """Runs a command's work and exits with its status."""
    session: Session = context.obj
    raise typer.Exit(session.run(work))


def write_json(value: Mapping[str, Any], stream: Any = None) -> None:
    """One JSON object on one line, in ASCII: whatever a model wrote can't steer a terminal from in there."""
    print(json.dumps(value, separators=(",", ":")), file=stream or sys.stdout, flush=True)


def _status_of(error: AgentWarsError) -> int:
    if isinstance(error, ServiceUnavailable | BrokenStream | UnusableAnswer):
        return UNAVAILABLE
    if isinstance(error, ApiError) and (error.passes or error.status == 0):
        return UNAVAILABLE
    return BAD_INPUT


def _error_object(error: AgentWarsError) -> dict[str, Any]:
    if isinstance(error, ApiError):
        return {"error": error.code, "message": error.message, "details": error.details}
    code = "unavailable" if isinstance(error, ServiceUnavailable) else "unusable"
    return {"error": code, "message": str(error), "details": {}}


def _explained(error: ApiError) -> list[str]:
    """What the details say, and what to do."""
    told = one_line(error.message)
    lines = [line for line in map(_field_line, _fields(error)) if line not in told]
    if error.code == "budget_exceeded":
        lines += _budget_lines(error.details)
    if error.code in _ADVICE:
        lines.append(_ADVICE[error.code])
    if error.passes:
        wait = f"in {error.retry_after:.0f} s" if error.retry_after else "in a moment"
        lines.append(f"Try again {wait}. Is the whole stack running? make up")
    return lines


def _budget_lines(details: Mapping[str, Any]) -> list[str]:
    """The two amounts, and what to pass."""
    estimated = details.get("estimatedUsd")
    lines = [f"estimated ${estimated}, allowed ${details.get('maxBudgetUsd')}"]
    if isinstance(estimated, int | float):
        enough = math.ceil(estimated * 10_000) / 10_000
        lines.append(f"Pass --max-budget {enough:.4f}, or ask for less: fewer --runs, a lower --message-limit.")
    return lines


def _field_line(field: Mapping[str, Any]) -> str:
    return one_line(f"{field.get('field')}: {field.get('message')}")


def _fields(error: ApiError) -> list[dict[str, Any]]:
    fields = error.details.get("fields")
    return [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []


Prompt = Annotated[str | None, typer.Option("--prompt", help="The system prompt itself.", show_default=False)]
PromptFile = Annotated[
    Path | None,
    typer.Option(
        "--prompt-file", help="A file that holds the system prompt; - is standard input.", exists=True, dir_okay=False,
        allow_dash=True, show_default=False,
    ),
]  # fmt: skip


def prompt_text(prompt: str | None, prompt_file: Path | None) -> str | None:
    """The system prompt that was given, if one was. Raises typer.BadParameter for two, or no text in the file."""
    if prompt is not None and prompt_file is not None:
        raise typer.BadParameter("give --prompt or --prompt-file, not both")
    if prompt_file is None:
        return prompt
    try:
        return sys.stdin.read() if str(prompt_file) == "-" else prompt_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise typer.BadParameter(f"{prompt_file} can't be read as text: {cause}") from cause


def without_nothing(**fields: Any) -> dict[str, Any]:
    """The fields that were given: those that are not None and not empty."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}
