"""Assist and chat: the agent answers a person who waits; the transcript is the agent's point of view."""

from collections.abc import Sequence

from llm_runner.providers.provider import Prompt
from llm_runner.purposes.turn import point_of_view
from shared.contracts.settings import ConversationSettings
from shared.contracts.transcript import Entry
from shared.contracts.words import Side
from shared.contracts.work import GenerationRequested


def prompt(job: GenerationRequested, settings: ConversationSettings, messages: Sequence[Entry], seed: int) -> Prompt:
    """The system prompt of the run's agent and the messages so far."""
    instructions = settings.agent.system_prompt
    system = [{"role": "system", "content": instructions}] if instructions else []
    return Prompt(
        messages=(*system, *point_of_view(messages, Side.AGENT)),
        temperature=job.temperature,
        max_tokens=job.max_tokens,
        seed=seed,
        stop=settings.agent.stop,
        json_answer=job.json_answer,
    )
