"""Decides what every conversation is owed, and makes it so."""
