"""Prompts for tests that ask a provider for something, whatever it is."""

from llm_runner.providers.prompt import Prompt, Role, Sampling, Turn


def plain_prompt(text: str = "Hi") -> Prompt:
    """One message of a person's."""
    return Prompt((Turn(Role.USER, (text,)),), Sampling(temperature=0.5, max_tokens=9, seed=4))
