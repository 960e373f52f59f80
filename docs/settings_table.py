"""Writes docs/settings.md, and which variables the local stack gives to whom, from the settings classes themselves.

With --check it only says whether both are up to date.
"""

import json
import sys
from pathlib import Path

from gateway.event_stream.settings import StreamSettings
from gateway.settings import GatewaySettings
from llm_runner.settings import CallSettings, RetrySettings, SlotSettings
from orchestrator.settings import OrchestratorSettings
from shared.routing import Registry
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
DECLARED = Path(__file__).parents[1] / "deploy/local/src/local_stack/declared_variables.json"
_ANY: tuple[type[Fragment], ...] = (NatsSettings, MongoSettings, LogSettings, Registry)
SERVICES: dict[str, tuple[type[Fragment], ...]] = {
    "gateway": (*_ANY, GatewaySettings, StreamSettings),
    "orchestrator": (*_ANY, HealthSettings, OrchestratorSettings),
    "llm-runner": (*_ANY, HealthSettings, SlotSettings, CallSettings, RetrySettings, ChatSettings),
    "summarizer": (*_ANY, HealthSettings, SummarizerSettings),
    "any": _ANY,
}
"""What each service reads from its environment; `any` is what every one does."""
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
the variable that `keyVariable` names, in llm-runner's environment only: the local stack gives each service the
variables it declares and what any program needs (`PATH` and the like), no other.

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

`dialect` is the wire format a provider is called in: `openai` (chat completions) unless it says another; llm-runner
ends at its start at one it does not know, and names those it does ([extending](extending.md)).

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


def declared() -> str:
    """The variables of each service, as JSON: the local stack passes no others on."""
    names = {
        service: sorted({f"AGENTWARS_{name.upper()}" for fragment in fragments for name in fragment.model_fields})
        for service, fragments in SERVICES.items()
    }
    return json.dumps(names, indent=2) + "\n"


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
    written = {PAGE: page(), DECLARED: declared()}
    if "--check" not in sys.argv:
        for path, text in written.items():
            path.write_text(text)
        return 0
    stale = [path.name for path, text in written.items() if path.read_text() != text]
    if not stale:
        return 0
    sys.stderr.write(f"not up to date: {', '.join(stale)}; run python docs/settings_table.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
