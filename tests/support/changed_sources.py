"""The product with some sources changed, in a process of its own: nothing on disk is touched.

A script runs in it and prints what it sees as JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 120
LOADER: Final = """
import json, sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location

texts, script = json.load(sys.stdin)
modules = {path: path.rpartition("/src/")[2].removesuffix(".py").removesuffix("/__init__") for path in texts}
names = {module.replace("/", "."): path for path, module in modules.items()}


class Changed(SourceFileLoader):
    def get_data(self, path):
        return texts[path].encode() if path in texts else super().get_data(path)

    def path_stats(self, path):
        raise OSError("it is compiled anew")


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in names:
            return None
        file = names[name]
        folder = [file.rpartition("/")[0]] if file.endswith("/__init__.py") else None
        return spec_from_file_location(name, file, loader=Changed(name, file), submodule_search_locations=folder)


sys.meta_path.insert(0, Finder)
exec(compile(script, "script", "exec"), {"__name__": "__main__"})
"""


def replaced(path: str, *changes: tuple[str, str]) -> str:
    """A file's text with each first text, which stands there once, exchanged for the second."""
    text = (ROOT / path).read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return text


def seen(texts: Mapping[str, str], script: str) -> Any:
    """What a script prints, as JSON, where these files (paths in the repository) hold these texts."""
    asked = json.dumps([{str(ROOT / path): text for path, text in texts.items()}, script])
    command = [sys.executable, "-c", LOADER]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        command, input=asked, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
