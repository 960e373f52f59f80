"""`python -m llm_runner`: calls models for everyone else, until SIGTERM."""

from llm_runner.app import main
from shared.process import run

run(main)
