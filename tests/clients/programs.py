"""What the matrix needs besides our own environment: Node, its packages, a Python environment, Chromium and nginx.

What is missing is said.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clients" / "ai-sdk"
MATRIX = ROOT / "tests" / "clients"
# openapi-python-client cannot be installed beside our own tools.
PYTHON_LOCK = MATRIX / "openapi_python_client.lock"
PYTHON_ENVIRONMENT = MATRIX / ".venv"
NODE_MAJOR = 20
_INSTALL_SECONDS, _BUILD_SECONDS = 600.0, 120.0


class Missing(Exception):
    """What nobody can do without is not here, or does not work."""


def node() -> Path:
    """Node, installed where that is possible. Raises Missing for no Node, and for one that is too old."""
    found = program("node", "nodejs")
    if found is None or program("npm", "npm") is None:
        raise Missing(f"Node {NODE_MAJOR} or newer, with npm, is needed: install it (nodejs.org)")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    if int(said.strip().removeprefix("v").partition(".")[0]) < NODE_MAJOR:
        raise Missing(f"Node {NODE_MAJOR} or newer is needed, {found} is {said.strip()}")
    return found


def install_packages(folder: Path) -> None:
    """`npm ci`, unless what the lock file names is there already. Raises Missing."""
    installed = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    print(f"clients-test: npm ci in {folder.relative_to(ROOT)} ...", flush=True)
    _npm(folder, ("ci", "--loglevel=error"), _INSTALL_SECONDS)


def install_python() -> Path:
    """The Python of an environment with what the lock file names, made where it is not there yet. Raises Missing."""
    python = PYTHON_ENVIRONMENT / "bin" / "python"
    ready = PYTHON_ENVIRONMENT / ".ready"
    if ready.exists() and ready.stat().st_mtime >= PYTHON_LOCK.stat().st_mtime:
        return python
    print(f"clients-test: pip install of {PYTHON_LOCK.relative_to(ROOT)} ...", flush=True)
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    for command in ((sys.executable, "-m", "venv", "--clear", PYTHON_ENVIRONMENT), (*pip, "-r", PYTHON_LOCK)):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        if done.returncode != 0:
            raise Missing(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    ready.touch()
    return python


def build_package() -> None:
    """The package as it would be published, unless it was built since its sources changed. Raises Missing."""
    built = PACKAGE / "dist" / "index.js"
    sources = [*(PACKAGE / "src").rglob("*.ts"), *PACKAGE.glob("*.json")]
    if built.exists() and built.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return
    _npm(PACKAGE, ("run", "--silent", "build"), _BUILD_SECONDS)


def test_package() -> None:
    """Its own tests, which need no stack. Raises Missing."""
    _npm(PACKAGE, ("test",), _BUILD_SECONDS)


def _npm(folder: Path, arguments: Sequence[str], seconds: float) -> None:
    done = subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise Missing(f"npm {' '.join(arguments)} failed in {folder}:\n{done.stdout}{done.stderr}")


def program(command: str, debian_package: str) -> Path | None:
    """The program of this name, installed by apt-get where that is possible; None, and a line, where it is not.

    Raises Missing in CI: what is skipped there is seen by nobody.
    """
    if which(command) is None and _may_install():
        print(f"clients-test: apt-get install {debian_package} ...", flush=True)
        command_line = ["apt-get", "install", "--yes", "--no-install-recommends", debian_package]
        subprocess.run(["apt-get", "update"], capture_output=True, timeout=_INSTALL_SECONDS, check=False)
        subprocess.run(command_line, capture_output=True, timeout=_INSTALL_SECONDS, check=False)
    found = which(command)
    if found is None and in_ci():
        raise Missing(f"{command} is not here, and CI leaves nothing out (apt-get install {debian_package})")
    if found is None:
        print(f"clients-test: {command} is not here: what needs it is SKIPPED (apt-get install {debian_package})")
    return found


def in_ci() -> bool:
    """Whether this runs where nobody looks on: services of CI set `CI=true`."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def which(command: str) -> Path | None:
    """Where a program is; also where Debian keeps servers, which is on no ordinary user's path."""
    found = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
    return Path(found) if found else None


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None
