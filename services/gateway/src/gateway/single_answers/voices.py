"""Who answers: the route and the sampling a request asks for. Pure."""

from typing import Final, Literal

from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.agents import Stop
from gateway.schemas.fields import Body, MaxTokens, Name, Prompt, Temperature, TierWord
from shared.contracts.routes import RouteWish
from shared.contracts.settings import Participant
from shared.contracts.words import Tier
from shared.routing import Route, Router

TIER_OF: Final = {"simple": Tier.FAST, "medium": Tier.STANDARD, "complex": Tier.PREMIUM}


class VoiceFields(Body):
    """What every plain generation may say of who answers, and how."""

    provider: Name | None = None
    model: Name | None = None
    tier: TierWord | None = None
    complexity: Literal["simple", "medium", "complex"] | None = None
    system: Prompt | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    stop: Stop | None = None


def voice_of(fields: VoiceFields, system_prompt: str, router: Router, *, temperature: float, most: int) -> Participant:
    """Who answers; `temperature` and `most` (tokens) stand where the request says nothing.

    Raises UnknownModel, and InvalidRequest for more tokens than the model writes.
    """
    tier = fields.tier or TIER_OF.get(fields.complexity or "medium")
    route = router.first(RouteWish(provider=fields.provider, model=fields.model, tier=tier))
    return Participant(
        name="Assistant",
        system_prompt=system_prompt,
        provider=route.provider,
        model=route.model,
        temperature=temperature if fields.temperature is None else fields.temperature,
        max_tokens=max_tokens_of(route, fields.max_tokens, most, "maxTokens"),
        stop=tuple(fields.stop or ()),
    )


def max_tokens_of(route: Route, asked: int | None, default: int, field: str) -> int:
    """The most tokens of an answer. Raises InvalidRequest for more than the model writes."""
    most = route.entry.max_output_tokens
    if asked is not None and asked > most:
        raise InvalidRequest(FieldProblem(field, f"must be at most {most}, the most {route.model} writes", most))
    return asked or min(default, most)
