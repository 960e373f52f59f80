"""One file per command of `agentwars`."""
