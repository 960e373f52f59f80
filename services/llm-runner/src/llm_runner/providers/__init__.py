"""Providers: how they are called, and what becomes of what they answer."""
