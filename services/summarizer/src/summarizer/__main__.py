"""`python -m summarizer`."""

from shared.process import run
from summarizer.app import serve

run(serve)
