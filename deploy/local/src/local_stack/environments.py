"""What each process of the stack finds in its environment: what its settings declare, and what any program needs.

A variable that nobody declares reaches nobody, whatever it is called: so a provider's key is in llm-runner alone.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

PROVIDERS: Final = "AGENTWARS_PROVIDERS"
OPENAI_KEY: Final = "OPENAI_API_KEY"
"""Where the key of the default registry is."""
ANY_PROGRAM: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME"),
        *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
        *("VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"),
        *("PYTHONUTF8", "PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONFAULTHANDLER", "PYTHONASYNCIODEBUG"),
    }
)
"""Where programs, files, words and certificates are; nothing that may hold a secret (a proxy's address does)."""
_IN_ADDRESS: Final = re.compile(r"(?<=//)[^/@\s\"]*@")
_DECLARED: Final[Mapping[str, list[str]]] = json.loads(
    Path(__file__).with_name("declared_variables.json").read_text(encoding="utf-8")
)
"""Written from the services' settings by docs/settings_table.py."""


def variables(service: str) -> frozenset[str]:
    """The names of the settings that a service reads; of one that nobody knows, those that every service does."""
    return frozenset(_DECLARED.get(service, _DECLARED["any"]))


def key_variables(environment: Mapping[str, str]) -> frozenset[str]:
    """The variables in which the registry of this environment says that keys are found."""
    registry = environment.get(PROVIDERS)
    if registry is None:
        return frozenset({OPENAI_KEY})
    try:
        providers = json.loads(registry)
    except ValueError:
        # Every service says so at its start.
        return frozenset()
    entries = providers.values() if isinstance(providers, dict) else ()
    named = (entry.get("keyVariable") or entry.get("key_variable") for entry in entries if isinstance(entry, dict))
    return frozenset(name for name in named if isinstance(name, str))


def without_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the user and the password that a provider's address may hold: only who calls it needs them."""
    told = dict(environment)
    if PROVIDERS in told:
        told[PROVIDERS] = _IN_ADDRESS.sub("", told[PROVIDERS])
    return told


def only(environment: Mapping[str, str], names: Iterable[str] = ()) -> dict[str, str]:
    """What any program needs, and these names besides, written as they may be: settings are found in any case."""
    declared = {name.upper() for name in names}
    return {name: value for name, value in environment.items() if name in ANY_PROGRAM or name.upper() in declared}
