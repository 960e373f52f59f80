"""Environment variables keep their names and their meanings (docs/upgrading.md)."""

import json
from pathlib import Path

import pytest

from gateway.event_stream.settings import StreamSettings
from gateway.settings import GatewaySettings
from llm_runner.settings import CallSettings, RetrySettings, SlotSettings
from orchestrator.settings import OrchestratorSettings
from shared.settings import ChatSettings, Fragment, HealthSettings
from summarizer.settings import SummarizerSettings

RECORDED = sorted((Path(__file__).parents[2] / "recordings").glob("*/variables.json"))
SETTINGS: tuple[type[Fragment], ...] = (
    *(GatewaySettings, StreamSettings, OrchestratorSettings, SlotSettings, CallSettings, RetrySettings),
    *(ChatSettings, HealthSettings, SummarizerSettings),
)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.parent.name)
def test_every_variable_of_an_older_version_is_read_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its defaults are what it took, as it wrote them: none of them is an error, and each is the number it was."""
    written: dict[str, str | None] = json.loads(path.read_text())
    for name, value in written.items():
        if value is not None:
            monkeypatch.setenv(name, value.replace("\\|", "|"))
    read = {f"AGENTWARS_{name.upper()}": value for one in SETTINGS for name, value in one().model_dump().items()}
    assert set(written) - set(read) == set()
    for name, value in written.items():
        if value is not None and isinstance(read[name], int | float):
            assert read[name] == float(value), name
