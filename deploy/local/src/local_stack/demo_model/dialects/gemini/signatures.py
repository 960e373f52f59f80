"""The signature of a tool call's thoughts: it is given with the call and wanted back with what the tool gave."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from local_stack.demo_model.errors import InvalidRequest


def signed(call: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a call."""
    return {"google": {"thought_signature": sha256(call["function"]["name"].encode()).hexdigest()}}


def check_signatures(messages: Sequence[dict[str, Any]]) -> None:
    """Raises `InvalidRequest` for a call since the last message of the user that came back without its signature.

    As Gemini does, it asks for that of the first call of a message only.
    """
    for message in reversed(messages):
        if message["role"] == "user":
            return
        first = next(iter(message.get("tool_calls") or ()), None)
        if first is not None and first.get("extra_content") != signed(first):
            name = first["function"]["name"]
            raise InvalidRequest(f"Function call is missing a thought_signature in functionCall parts: {name}.")
