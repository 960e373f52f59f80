"""One JSON line per state change, the standard library's too."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from shared import logs
from shared.contracts.transcript import Failure
from shared.errors import NotStorable
from shared.settings import LogSettings
from shared.tracebacks import described


@pytest.fixture(autouse=True)
def undisturbed_logging() -> Iterator[None]:
    """Puts the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_line_names_its_service_its_run_and_its_conversation(capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.configure("orchestrator", LogSettings())
    with structlog.contextvars.bound_contextvars(run_id="r1", conversation_id="r1-2"):
        log.info("conversation ended", reason="goal")
    log.info("serving")
    first, second = lines(capsys)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "conversation ended",
        "level": "info",
        "service": "orchestrator",
        "run_id": "r1",
        "conversation_id": "r1-2",
        "reason": "goal",
    }
    assert "run_id" not in second


def test_standard_library_logs_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("gateway", LogSettings())
    logging.getLogger("some.library").warning("slow %s", "client")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["service"]) == ("slow client", "warning", "gateway")


def test_error_keeps_its_trace_on_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.configure("gateway", LogSettings())
    log.error("message given up", exc_info=ValueError("why"))
    (line,) = lines(capsys)
    assert "ValueError: why" in line["exception"]


SECRET = "the words of somebody"


def _meets_a_value() -> None:
    Failure.model_validate({"code": SECRET, "message": [SECRET]})


def _looks_a_key_up() -> None:
    {}[SECRET]  # type: ignore[index]


def _reads_a_number() -> None:
    float(SECRET)


def _is_of_a_driver() -> None:
    try:
        _meets_a_value()
    except ValidationError as error:
        raise NotStorable("a value that is odd") from error


@pytest.mark.parametrize("fails", [_meets_a_value, _looks_a_key_up, _reads_a_number, _is_of_a_driver])
def test_no_log_holds_the_words_an_exception_met(fails: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.configure("gateway", LogSettings())
    try:
        fails()
    except Exception as error:
        log.error("failed", exc_info=error)
        log.exception("failed", error=described(error))
        logging.getLogger("somebody").exception("failed")
        logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: %r", error, exc_info=error)
    told = lines(capsys)
    assert len(told) == 4
    for line in told:
        assert SECRET not in json.dumps(line)
        assert f" in {fails.__name__}" in line["exception"]


def test_what_is_below_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.configure("gateway", LogSettings(log_level="WARNING"))
    log.info("nothing")
    assert lines(capsys) == []


def test_log_for_people_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("gateway", LogSettings(log_format="console")).info("serving", port=8000)
    written = capsys.readouterr().err
    assert "serving" in written
    assert "port=8000" in written
    assert not written.startswith("{")


def test_a_line_is_redacted_as_it_would_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("llm-runner", LogSettings(), lambda line: line.replace("secret", "[key]"))
    try:
        raise ValueError("a secret")
    except ValueError:
        logging.getLogger("somebody").exception("failed with %s", "secret")
    (line,) = lines(capsys)
    assert line["event"] == "failed with [key]"
    assert "a [key]" in line["exception"]


HOSTILE = "/x\x1b]0;title\x07\x9b31m\x7f\r\n2026 [info] forged\u202e\u2028"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_text_steers_the_terminal_a_log_is_read_on(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.configure("gateway", LogSettings(log_format=log_format))
    log.info("asked", path=HOSTILE, paths=[HOSTILE])
    log.info(HOSTILE)
    logging.getLogger("some.library").warning("GET %s", HOSTILE)
    written = capsys.readouterr().err
    assert len(written.splitlines()) == 3
    assert all(sign == "\n" or sign.isprintable() for sign in written)
    assert written.count("title") == 4


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_trace_keeps_its_lines_and_no_controls(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.configure("gateway", LogSettings(log_format=log_format))
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("failed")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert all(sign in "\n\t" or sign.isprintable() for sign in written)
