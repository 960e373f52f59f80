"""Report, criteria, memory: their prompt travels in the job."""

from llm_runner.providers.prompt import JsonFormat, Prompt, Role, Sampling, Turn
from shared.contracts.work import GenerationRequested

SYSTEM = "system"


def prompt(job: GenerationRequested, seed: int) -> Prompt:
    """The job's own messages in their order; those for the system are its instructions."""
    return Prompt(
        turns=tuple(Turn(Role(message.role), (message.content,)) for message in job.prompt if message.role != SYSTEM),
        sampling=Sampling(job.temperature, job.max_tokens, seed),
        system="\n\n".join(message.content for message in job.prompt if message.role == SYSTEM),
        answer_format=JsonFormat() if job.json_answer else None,
    )
