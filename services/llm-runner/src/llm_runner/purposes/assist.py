"""Assist: the agent answers a person who waits, who brought the whole conversation and sees all of it answered."""

from collections.abc import Sequence

from llm_runner.providers.prompt import JsonFormat, Prompt, Sampling, Tool
from llm_runner.purposes.chat_turns import chat_turns
from shared.contracts.settings import ConversationSettings
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested


def prompt(job: GenerationRequested, settings: ConversationSettings, messages: Sequence[Entry], seed: int) -> Prompt:
    """The system prompt of the run's agent and the messages so far."""
    agent = settings.agent
    return Prompt(
        turns=tuple(chat_turns(messages, job.provider)),
        sampling=Sampling(
            temperature=job.temperature,
            max_tokens=job.max_tokens,
            seed=seed if agent.seed is None else agent.seed,
            stop=agent.stop,
            top_p=agent.top_p,
            presence_penalty=agent.presence_penalty,
            frequency_penalty=agent.frequency_penalty,
        ),
        system=agent.system_prompt,
        tools=tuple(map(Tool, agent.tools)),
        parallel_tool_calls=agent.parallel_tool_calls,
        answer_format=JsonFormat() if job.json_answer else None,
    )
