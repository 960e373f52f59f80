"""How a participant is made of what a request says, an agent, and the limits of this installation. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from gateway.errors import FieldProblem, InvalidRequest
from shared.contracts.agents import Agent
from shared.contracts.enums import Fallback, Tier
from shared.contracts.routes import RouteWish
from shared.contracts.settings import Participant
from shared.routing import Route, Router

ANYBODY: Final = RouteWish()
TIER_OF: Final = {"simple": Tier.FAST, "medium": Tier.STANDARD, "complex": Tier.PREMIUM}


class ModelRequest(Protocol):
    """A request that may say who answers."""

    @property
    def provider(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def tier(self) -> Tier | None: ...
    @property
    def complexity(self) -> Literal["simple", "medium", "complex"] | None: ...


@dataclass(frozen=True, slots=True)
class TokenBound:
    """The most tokens of an answer: as asked in `field`, else `default`."""

    asked: int | None
    default: int
    field: str = "maxTokens"


@dataclass(frozen=True, slots=True)
class Casting:
    """Makes participants. What a request does not say is the agent's own, else the installation's."""

    router: Router
    temperature: float

    def participant(
        self,
        asked: RouteWish,
        agent: Agent | None = None,
        *,
        tokens: TokenBound,
        name: str = "Assistant",
        system_prompt: str | None = None,
        temperature: float | None = None,
        stop: Sequence[str] | None = None,
        otherwise: RouteWish = ANYBODY,
        fallback: Fallback | None = None,
    ) -> Participant:
        """The participant; `otherwise` says who plays it where there is no agent and nobody is asked for.

        Unless `fallback` says another, a model that was named is only replaced by itself at another provider.

        Raises UnknownModel, and InvalidRequest for more tokens than the model writes.
        """
        wish = self.wish(asked, own_wish(agent) if agent else otherwise)
        route = self.router.first(wish)
        warmth = (temperature, agent.temperature if agent else None, self.temperature)
        said = agent.stop if agent and stop is None else stop
        return Participant(
            agent_id=agent.id if agent else None,
            agent_version=agent.version if agent else None,
            name=agent.name if agent else name,
            system_prompt=system_prompt or (agent.system_prompt if agent else ""),
            provider=route.provider,
            model=route.model,
            wish=wish,
            fallback=fallback or (Fallback.MODEL if wish.model is None else Fallback.HOST),
            temperature=next(degree for degree in warmth if degree is not None),
            max_tokens=_max_tokens(route, tokens, agent.max_tokens if agent else None),
            stop=tuple(said or ()),
        )

    def wish(self, asked: RouteWish, own: RouteWish) -> RouteWish:
        """Who plays a participant: what is asked for, else its own.

        A model without a provider is looked for at the participant's own provider first. A tier that is asked for
        outranks a model of the participant's own.
        """
        if asked.model is not None:
            held = own.provider if own.provider and self.router.has(own.provider, asked.model) else None
            return RouteWish(provider=asked.provider or held, model=asked.model)
        tier = asked.tier or own.tier
        if asked.provider not in (None, own.provider):
            return RouteWish(provider=asked.provider, tier=tier)
        return RouteWish(provider=own.provider, model=None if asked.tier else own.model, tier=tier)


def asked_wish(fields: ModelRequest) -> RouteWish:
    """Who is asked for: a tier outranks a complexity."""
    tier = fields.tier or (TIER_OF[fields.complexity] if fields.complexity else None)
    return RouteWish(provider=fields.provider, model=fields.model, tier=tier)


def own_wish(agent: Agent) -> RouteWish:
    """Who plays an agent where nobody is asked for."""
    return RouteWish(provider=agent.provider, model=agent.model, tier=Tier(agent.tier) if agent.tier else None)


def _max_tokens(route: Route, tokens: TokenBound, own: int | None) -> int:
    most = route.entry.max_output_tokens
    if tokens.asked is not None and tokens.asked > most:
        problem = FieldProblem(tokens.field, f"must be at most {most}, the most {route.model} writes", most)
        raise InvalidRequest(problem)
    return tokens.asked or min(own or tokens.default, most)
