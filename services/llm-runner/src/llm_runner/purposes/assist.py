"""Assist: the agent answers a person who waits, who brought the whole conversation and sees all of it answered."""

from collections.abc import Sequence

from llm_runner.providers.prompt import JsonFormat, NamedTool, Prompt, Sampling, Tool, ToolChoice, ToolUse
from llm_runner.purposes.chat_turns import chat_turns
from shared.contracts.settings import AnswerFormat, ConversationSettings, Participant
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
        tool_choice=_tool_choice(agent),
        parallel_tool_calls=agent.parallel_tool_calls,
        answer_format=JsonFormat() if job.json_answer else _answer_format(agent.answer_format),
    )


def _answer_format(asked: AnswerFormat | None) -> JsonFormat | None:
    return JsonFormat(asked.json_schema, asked.name, asked.strict) if asked else None


def _tool_choice(agent: Participant) -> ToolChoice:
    if agent.named_tool is not None:
        return NamedTool(agent.named_tool)
    return ToolUse.REQUIRED if agent.tool_required else ToolUse.AUTO
