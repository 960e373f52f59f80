"""Assist: the agent answers a person who waits, who brought the whole conversation and sees all of it answered."""

from collections.abc import Sequence

from llm_runner.providers.provider import Prompt, Sampling
from llm_runner.purposes.spoken import spoken
from shared.contracts.settings import ConversationSettings
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested


def prompt(job: GenerationRequested, settings: ConversationSettings, messages: Sequence[Entry], seed: int) -> Prompt:
    """The system prompt of the run's agent and the messages so far."""
    agent = settings.agent
    instructions = agent.system_prompt
    system = [{"role": "system", "content": instructions}] if instructions else []
    return Prompt(
        messages=(*system, *spoken(messages)),
        temperature=job.temperature,
        max_tokens=job.max_tokens,
        seed=seed if agent.seed is None else agent.seed,
        stop=agent.stop,
        json_answer=job.json_answer,
        tools=agent.tools,
        sampling=Sampling(
            top_p=agent.top_p,
            presence_penalty=agent.presence_penalty,
            frequency_penalty=agent.frequency_penalty,
            parallel_tool_calls=agent.parallel_tool_calls,
        ),
    )
