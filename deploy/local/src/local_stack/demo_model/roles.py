"""Which part of the product is calling, told by the first sentence of its system prompt."""

from typing import Final, Literal

Role = Literal["opponent", "agent", "judge", "report", "condense", "memory", "assist", "other"]

_BEGINNINGS: Final[dict[str, Role]] = {
    "You are playing a person who talks to an AI agent.": "opponent",
    "You judge a conversation between an AI agent and the person it talks to.": "judge",
    "You write the report of a scale test of an AI agent.": "report",
    "You condense the transcript of a conversation.": "condense",
    "You keep the summary of a chat.": "memory",
    "You are PromptBro, a guide for writing prompts.": "assist",
}


def role_of(system_prompt: str | None) -> Role:
    """The role a system prompt asks for; any other system prompt is an agent under test, none is `other`."""
    if system_prompt is None:
        return "other"
    text = system_prompt.lstrip()
    return next((role for beginning, role in _BEGINNINGS.items() if text.startswith(beginning)), "agent")
