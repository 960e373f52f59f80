"""The log of a watched run: one in a process, filled from the broker, read by all its readers."""
