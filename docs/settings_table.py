"""Writes docs/settings.md from the settings classes themselves; with --check it only says whether it is up to date."""

import sys
from pathlib import Path

from gateway.event_stream.settings import StreamSettings
from gateway.settings import GatewaySettings
from llm_runner.settings import CallSettings, RetrySettings, SlotSettings
from orchestrator.settings import OrchestratorSettings
from shared.settings import (
    ChatSettings,
    Fragment,
    HealthSettings,
    LimitSettings,
    LogSettings,
    MongoSettings,
    NatsSettings,
)
from summarizer.settings import SummarizerSettings

PAGE = Path(__file__).parent / "settings.md"
SECTIONS: tuple[tuple[str, tuple[type[Fragment], ...]], ...] = (
    ("Every service", (NatsSettings, MongoSettings, LogSettings)),
    ("Workers (orchestrator, llm-runner, summarizer)", (HealthSettings, ChatSettings)),
    ("Gateway", (GatewaySettings, LimitSettings, StreamSettings)),
    ("Orchestrator", (OrchestratorSettings,)),
    ("llm-runner", (SlotSettings, CallSettings, RetrySettings)),
    ("Summarizer", (SummarizerSettings,)),
)
HEAD = """# Settings

Generated from the settings classes by `python docs/settings_table.py`; `make check` holds it against them.
Every value is an environment variable. A service reads its settings once, at its start, and says everything that is
wrong with them at once.
"""
PROVIDERS = """## Providers

`AGENTWARS_PROVIDERS` is one JSON object, a provider by name; without it there is OpenAI alone. The key itself stands in
the variable that `keyVariable` names, in llm-runner's environment only.

```json
{
  "openai": {
    "baseUrl": "https://api.openai.com/v1",
    "keyVariable": "OPENAI_API_KEY",
    "concurrency": 32,
    "liveConcurrency": 8,
    "models": {
      "gpt-4o-mini": {
        "tier": "fast",
        "contextWindow": 128000,
        "maxOutputTokens": 16384,
        "inputUsdPerMillion": 0.15,
        "outputUsdPerMillion": 0.60
      }
    }
  }
}
```

`concurrency` is how many calls may be in flight over all replicas; `liveConcurrency` is the part of it that is kept for
people who wait. After a change run the bootstrap (`python -m shared.topology`): it changes the lanes in place.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    told: set[str] = set()
    for title, fragments in SECTIONS:
        rows = [row for fragment in fragments for row in _rows(fragment, told)]
        parts.append(f"## {title}\n\n| variable | default |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join([*parts, PROVIDERS])


def _rows(fragment: type[Fragment], told: set[str]) -> list[str]:
    rows = []
    for name, field in fragment.model_fields.items():
        inherited = any(name in base.model_fields for base in fragment.__mro__[1:] if issubclass(base, Fragment))
        sharper = inherited and name in fragment.__annotations__
        if inherited and not sharper:
            continue
        if name in told and not sharper:
            continue
        told.add(name)
        default = str(field.get_default(call_default_factory=True)).replace("|", "\\|")
        rows.append(f"| `AGENTWARS_{name.upper()}` | `{default}` |")
    return rows


def main() -> int:
    if "--check" not in sys.argv:
        PAGE.write_text(page())
        return 0
    if PAGE.read_text() == page():
        return 0
    sys.stderr.write("docs/settings.md is not up to date: run python docs/settings_table.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
