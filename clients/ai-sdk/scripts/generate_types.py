"""Writes src/generated/api.ts from the gateway's OpenAPI document; with --check only says whether it is up to date.

The file names the document it was made from by its hash, so that the check needs no Node.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import structlog

from gateway.app import create_app
from gateway.settings import GatewaySettings
from shared.routing import Registry

PACKAGE = Path(__file__).parent.parent
TYPES = PACKAGE / "src" / "generated" / "api.ts"
GENERATOR = PACKAGE / "node_modules" / ".bin" / "openapi-typescript"
SECONDS = 60


def document() -> str:
    """The document as the gateway serves it; the same API always gives the same text. Nothing is connected to."""
    app = create_app(GatewaySettings(), Registry(providers={}), structlog.stdlib.get_logger(), asyncio.Event())
    return json.dumps(app.openapi(), sort_keys=True, indent=2)


def heading(text: str) -> str:
    """The file's first line."""
    return f"// Made by `npm run types` from the OpenAPI document {hashlib.sha256(text.encode()).hexdigest()}.\n"


def main() -> int:
    """0 where the file is up to date, or was written."""
    text = document()
    if "--check" in sys.argv:
        if TYPES.exists() and TYPES.read_text().startswith(heading(text)):
            return 0
        print(f"{TYPES} is not up to date: run `npm run types` in {PACKAGE}", file=sys.stderr)
        return 1
    if not GENERATOR.exists():
        print(f"{GENERATOR} is missing: run `npm ci` in {PACKAGE}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        source.write_text(text)
        command = [GENERATOR, source]
        made = subprocess.run(command, timeout=SECONDS, check=True, capture_output=True, text=True)
    TYPES.parent.mkdir(exist_ok=True)
    TYPES.write_text(heading(text) + made.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
