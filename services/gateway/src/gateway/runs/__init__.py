"""Runs as their owners find, read and control them."""
