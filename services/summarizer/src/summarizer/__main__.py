"""`python -m summarizer`."""

from shared.process import run
from summarizer.app import main

run(main)
