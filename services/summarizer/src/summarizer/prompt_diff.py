"""What a revised prompt changes. Pure."""

from difflib import unified_diff


def prompt_diff(current: str, revised: str) -> str:
    """A unified diff of two prompts, line by line; empty where they are the same."""
    lines = unified_diff(current.splitlines(), revised.splitlines(), "current prompt", "revised prompt", lineterm="")
    return "\n".join(lines)
