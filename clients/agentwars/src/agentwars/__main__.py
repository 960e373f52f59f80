"""`python -m agentwars`."""

from agentwars.main import app

if __name__ == "__main__":
    app()
