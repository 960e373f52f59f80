"""`python -m orchestrator`."""

from orchestrator.app import serve
from shared.process import run

run(serve)
