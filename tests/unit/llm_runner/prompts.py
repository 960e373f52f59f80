"""Prompts for tests that ask a provider for something, whatever it is."""

from llm_runner.providers.prompt import Prompt, Role, Sampling, Turn
from llm_runner.providers.target import Quirks, Target
from shared.routing import ModelEntry


def target(model: str = "demo-fast", quirks: Quirks | None = None) -> Target:
    """A model of a provider that is called nowhere."""
    return Target("demo", "http://provider/v1", model, ModelEntry(), quirks or Quirks())


def plain_prompt(text: str = "Hi") -> Prompt:
    """One message of a person's."""
    return Prompt((Turn(Role.USER, (text,)),), Sampling(temperature=0.5, max_tokens=9, seed=4))
