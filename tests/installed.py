"""Programs a test needs that are not ours to install: a person may do without, CI may not."""

from pathlib import Path

import pytest

from clients.programs import in_ci, which


def installed(command: str, debian_package: str) -> Path:
    """Where the program is. Skips the test where it is not installed; in CI, where nobody reads of skips, fails it."""
    found = which(command)
    if found is not None:
        return found
    sentence = f"{command} is not installed (apt-get install {debian_package})"
    if in_ci():
        pytest.fail(sentence)
    pytest.skip(sentence)
