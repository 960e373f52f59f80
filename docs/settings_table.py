"""Writes docs/settings.md, and which variables the local stack gives to whom, from the settings classes themselves.

What a setting means is the text below its field.
With --check it only says whether both are up to date.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from gateway.event_stream.settings import StreamSettings
from gateway.settings import GatewaySettings
from llm_runner.settings import BreakerSettings, CallSettings, OutputSettings, RetrySettings, SlotSettings
from orchestrator.settings import OrchestratorSettings
from shared.durations import Duration
from shared.routing import Registry
from shared.settings import (
    ChatSettings,
    Fragment,
    HealthSettings,
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
    "llm-runner": (
        *_ANY,
        HealthSettings,
        SlotSettings,
        CallSettings,
        RetrySettings,
        BreakerSettings,
        ChatSettings,
        OutputSettings,
    ),
    "summarizer": (*_ANY, HealthSettings, SummarizerSettings),
    "any": _ANY,
}
"""What each service reads from its environment; `any` is what every one does."""
TITLES = {"gateway": "Gateway", "orchestrator": "Orchestrator", "llm-runner": "llm-runner", "summarizer": "Summarizer"}
TABLE = "| variable | default | what it means |\n|---|---|---|"
BOUNDS = (("ge", "at least"), ("gt", "above"), ("le", "at most"))
PROVIDERS_FIELD = "providers"
"""Has a section of its own."""
HEAD = """# Settings

Generated from the settings classes by `python docs/settings_table.py`; `make check` holds it against them.
Every value is an environment variable. A service reads its settings once, at its start, and says everything that is
wrong with them at once. A length of time is written `250ms`, `20s`, `1.5m`, `2h` or `7d`; a plain number counts the
unit in the variable's name. A list is JSON. A setting stands under every service that reads it.
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
    common = _settings(_ANY)
    parts = [HEAD, _section("Every service", common)]
    for service, title in TITLES.items():
        read = _settings(SERVICES[service])
        parts.append(_section(title, {name: one for name, one in read.items() if not _same(one, common.get(name))}))
    return "\n".join([*parts, PROVIDERS])


def declared() -> str:
    """The variables of each service, as JSON: the local stack passes no others on."""
    names = {
        service: sorted({f"AGENTWARS_{name.upper()}" for fragment in fragments for name in fragment.model_fields})
        for service, fragments in SERVICES.items()
    }
    return json.dumps(names, indent=2) + "\n"


def _settings(fragments: Iterable[type[Fragment]]) -> dict[str, FieldInfo]:
    """What these read, by name; the last one says."""
    return {name: field for one in fragments for name, field in one.model_fields.items() if name != PROVIDERS_FIELD}


def _same(field: FieldInfo, other: FieldInfo | None) -> bool:
    return other is not None and field.default == other.default


def _section(title: str, settings: Mapping[str, FieldInfo]) -> str:
    rows = [
        f"| `AGENTWARS_{name.upper()}` | {_default(field)} | {_meaning(name, field)} |"
        for name, field in settings.items()
    ]
    return "\n".join([f"## {title}\n\n{TABLE}", *rows, ""])


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value == ():
        return "none"
    return f"`{_written(field, value)}`{_in_mebibytes(value)}"


def _written(field: FieldInfo, value: Any) -> str:
    """As a person would write it into the environment."""
    units = [one for one in field.metadata if isinstance(one, Duration)]
    return units[0].written(value) if units else str(value).replace("|", "\\|")


def _in_mebibytes(value: Any) -> str:
    """What a large power of two is."""
    mebibytes, rest = divmod(value, 1024**2) if isinstance(value, int) else (0, 1)
    if rest or not mebibytes:
        return ""
    return f" ({mebibytes // 1024} GiB)" if mebibytes % 1024 == 0 else f" ({mebibytes} MiB)"


def _meaning(name: str, field: FieldInfo) -> str:
    """The text below the field, and its bounds. Raises ValueError for a setting that says nothing."""
    if not field.description:
        raise ValueError(f"{name} does not say what it means: write it below the field")
    bounds = [
        f"{word} `{_written(field, getattr(one, bound))}`"
        for one in field.metadata
        for bound, word in BOUNDS
        if hasattr(one, bound)
    ]
    return " ".join(field.description.split()).replace("|", "\\|") + (f" ({', '.join(bounds)})" if bounds else "")


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
