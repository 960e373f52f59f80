"""How each purpose is prompted and how its answer is read: pure, one file each."""

from collections.abc import Sequence

from llm_runner.providers.prompt import Prompt
from llm_runner.purposes import assist, chat, judge, own_prompt, turn
from shared.contracts.enums import Purpose
from shared.contracts.generations import Generation
from shared.contracts.kinds import MESSAGE_PURPOSES
from shared.contracts.settings import ConversationSettings
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested
from shared.errors import PermanentError


class UnpromptedJob(PermanentError):
    """A job that brings no prompt although no transcript gives it one."""

    def __init__(self, job: GenerationRequested) -> None:
        super().__init__(f"the job {job.key} has neither a conversation nor a prompt of its own")


def build_prompt(
    job: GenerationRequested,
    settings: ConversationSettings | None,
    messages: Sequence[Entry],
    seed: int,
    memory: Generation | None,
    window_tokens: int,
) -> Prompt:
    """The prompt of a job. `messages` are those it may see, of a chat those that count. Raises UnpromptedJob.

    `memory` is the newest summary of a chat, and `window_tokens` what its whole prompt may take.
    """
    if settings is not None and job.purpose is Purpose.JUDGE:
        return judge.prompt(job, settings, messages, seed)
    if settings is not None and job.purpose is Purpose.TURN:
        return turn.prompt(job, settings, messages, seed)
    if settings is not None and job.purpose is Purpose.CHAT:
        return chat.prompt(job, settings, messages, seed, memory, window_tokens)
    if settings is not None and job.purpose in MESSAGE_PURPOSES:
        return assist.prompt(job, settings, messages, seed)
    if not job.prompt:
        raise UnpromptedJob(job)
    return own_prompt.prompt(job, seed)
