"""`python -m orchestrator`."""

from orchestrator.app import main
from shared.process import run

run(main)
