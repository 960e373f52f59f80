"""A turn: the next message of one side, who sees the conversation from its own point of view."""

from collections.abc import Sequence

from llm_runner.providers.prompt import Prompt, Role, Sampling, Turn
from shared.contracts.enums import Side
from shared.contracts.framing import behind
from shared.contracts.settings import ConversationSettings, Participant
from shared.contracts.transcript import Entry
from shared.contracts.work import GenerationRequested

PLAYING = "You are playing a person who talks to an AI agent."
STYLE = (
    "Stay in character and never say that you are an AI or that this is a test. Write one message at a time, "
    "only what the person would type: no stage directions, no quotation marks around it, no name in front of it. "
    "Answer what you are asked, and say so when you have got what you want."
)
BEGIN = Turn(Role.USER, ("Begin the conversation.",))


def prompt(job: GenerationRequested, settings: ConversationSettings, messages: Sequence[Entry], seed: int) -> Prompt:
    """The prompt of message `job.seq`, which is `job.side`'s (by the settings where the job names none)."""
    side = job.side or settings.side_of(job.seq)
    speaker = settings.agent if side is Side.AGENT else settings.opponent
    return Prompt(
        turns=tuple(point_of_view(messages, side)),
        sampling=Sampling(job.temperature, job.max_tokens, seed, speaker.stop),
        system=_instructions(side, settings),
    )


def point_of_view(messages: Sequence[Entry], side: Side) -> list[Turn]:
    """The conversation as `side` had it: its own words are the assistant's, the other's the user's.

    A side that speaks first, or spoke first, was asked to: providers want a user's message at the head.
    """
    seen = [
        Turn(Role.ASSISTANT if message.side is side else Role.USER, (message.content or "",)) for message in messages
    ]
    return seen if seen and seen[0].role is Role.USER else [BEGIN, *seen]


def _instructions(side: Side, settings: ConversationSettings) -> str:
    """An agent's system prompt as it is, also where the opponent is an agent; a persona is framed."""
    if side is Side.AGENT:
        return settings.agent.system_prompt
    if settings.opponent.agent_id is not None:
        return settings.opponent.system_prompt
    return _persona(settings.opponent, settings.opponent_goal or settings.goal)


def _persona(opponent: Participant, goal: str | None) -> str:
    wanted = f"What you want from this conversation: {behind(goal)}" if goal else ""
    return "\n\n".join(part for part in (PLAYING, opponent.system_prompt, wanted, STYLE) if part)
