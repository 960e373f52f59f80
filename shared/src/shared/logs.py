"""Structured logs: one JSON line per state change, with the run's and the conversation's id, and nobody's words."""

import logging
import re
import sys
from collections.abc import Callable
from typing import Any, Final, cast

import structlog

from shared.settings import LogSettings
from shared.tracebacks import wordless

# C0 and C1 but for line feed and tab, then what turns the direction of text around.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LINE_ENDS: Final = re.compile("[\n\r]")

Logger = structlog.stdlib.BoundLogger


def configure(service: str, settings: LogSettings, redact: Callable[[str], str] | None = None) -> Logger:
    """Sets the process's logging up, standard library included, and returns the service's logger.

    `redact` is given every line as it would be written, and returns what may be.
    """
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_words,
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [_on_one_line, structlog.dev.ConsoleRenderer(colors=False)]
    )
    written = [*renderer, *([_redacting(redact)] if redact else []), _without_controls]
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *written],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    structlog.contextvars.bind_contextvars(service=service)
    return cast(Logger, structlog.get_logger(service))


def _redacting(redact: Callable[[str], str]) -> structlog.typing.Processor:
    def step(_logger: Any, _method: str, line: Any) -> str:
        return redact(line)

    return step


def _on_one_line(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A text that brings line ends poses as no line of its own; only a trace has several."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = _escape(value, _LINE_ENDS)
    return event


def _without_controls(_logger: object, _method: str, line: Any) -> str:
    """What steers a terminal is shown as what it is, in both formats."""
    return _escape(line, _CONTROLS)


def _escape(text: str, signs: re.Pattern[str]) -> str:
    return signs.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _without_words(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception is told by its kind and its place: its text may be that of a conversation."""
    told = event.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["exception"] = wordless(error)
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and record.name == "asyncio":
        # Behind its first line asyncio shows the task, with what it has raised.
        event["event"] = str(event["event"]).partition("\n")[0]
    return event
