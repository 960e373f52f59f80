"""Report, criteria, memory: their prompt travels in the job."""

from llm_runner.providers.provider import Prompt
from shared.contracts.work import GenerationRequested


def prompt(job: GenerationRequested, seed: int) -> Prompt:
    """The job's own messages, as they are."""
    return Prompt(
        messages=tuple({"role": message.role, "content": message.content} for message in job.prompt),
        temperature=job.temperature,
        max_tokens=job.max_tokens,
        seed=seed,
        json_answer=job.json_answer,
    )
