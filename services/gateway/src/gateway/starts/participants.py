"""Who takes part in a conversation: agents, opponents, judges and report writers, resolved to models. Pure."""

from dataclasses import dataclass

from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.personas import BY_ID
from gateway.schemas.starts import BattleFields, JudgeBody, OpponentBody, PersonaBody
from shared.contracts.agents import Agent
from shared.contracts.framing import behind
from shared.contracts.routes import RouteWish
from shared.contracts.settings import JudgeSettings, Participant
from shared.contracts.words import Tier
from shared.routing import Route, Router
from shared.settings import LimitSettings

REPORT_MAX_TOKENS = 4_000
CURIOUS_PERSON = (
    "You are a curious person who has come to find out whether this agent can help you. You say what you want in "
    "plain words, answer what you are asked, bring up one thing at a time, and ask again when an answer stays vague. "
    "Once you have what you came for you say thank you."
)


@dataclass(frozen=True, slots=True)
class Persona:
    """A simulated user, resolved: `id` only where it is one of the library or the caller gave one."""

    prompt: str
    id: str | None = None
    name: str | None = None
    goal: str | None = None
    opening: str | None = None
    style: str | None = None

    @property
    def text(self) -> str:
        """What the person is told about itself."""
        return f"{self.prompt}\n\nStyle: {behind(self.style)}" if self.style else self.prompt


def wished(router: Router, asked: RouteWish, own: RouteWish) -> RouteWish:
    """Who is to play a participant: what a request asks for, else the participant's own.

    A model without a provider is looked for at the participant's own provider first. A tier that is asked for
    outranks a model of the participant's own.
    """
    if asked.model is not None:
        held = own.provider if own.provider and router.has(own.provider, asked.model) else None
        return RouteWish(provider=asked.provider or held, model=asked.model)
    tier = asked.tier or own.tier
    if asked.provider not in (None, own.provider):
        return RouteWish(provider=asked.provider, tier=tier)
    return RouteWish(provider=own.provider, model=None if asked.tier else own.model, tier=tier)


def own_wish(agent: Agent) -> RouteWish:
    """Who plays an agent where nothing else is asked for."""
    return RouteWish(provider=agent.provider, model=agent.model, tier=Tier(agent.tier) if agent.tier else None)


def resolve_persona(body: PersonaBody, where: str) -> Persona:
    """The persona meant. Raises InvalidRequest where the library has none of that id."""
    known_id = body.persona_id or body.id
    if body.prompt is not None:
        return Persona(body.prompt, known_id, body.name, body.goal, body.opening, body.style)
    if known_id is None:
        raise InvalidRequest(FieldProblem(where, "must hold the id of a persona, or a prompt"))
    found = BY_ID.get(known_id)
    if found is None:
        message = f"names no persona of the library: {', '.join(BY_ID)}"
        raise InvalidRequest(FieldProblem(where, message, list(BY_ID)))
    return Persona(
        found.prompt, found.id, found.name, body.goal or found.goal, body.opening or found.opening, found.style
    )


def persona_of(opponent: OpponentBody | None, where: str) -> Persona | None:
    """The persona an opponent is given by, or None where it is none or another agent."""
    if opponent is None:
        return None
    if opponent.persona is not None:
        return resolve_persona(opponent.persona, f"{where}opponent.persona")
    if opponent.persona_id is not None:
        return resolve_persona(PersonaBody(personaId=opponent.persona_id), f"{where}opponent.personaId")
    return None


@dataclass(frozen=True, slots=True)
class Casting:
    """Casts participants with the router and the limits of this installation."""

    router: Router
    limits: LimitSettings

    def agent(self, agent: Agent, body: BattleFields, where: str = "") -> Participant:
        """The agent under test: its own values, overridden by the start's."""
        route = self._route(body, own_wish(agent))
        return Participant(
            agent_id=agent.id,
            agent_version=agent.version,
            name=agent.name,
            system_prompt=body.system_prompt or agent.system_prompt,
            provider=route.provider,
            model=route.model,
            temperature=self._temperature(body.temperature, agent.temperature),
            max_tokens=self._max_tokens(route, body.max_tokens, agent.max_tokens, f"{where}maxTokens"),
            stop=tuple(body.stop) if body.stop is not None else agent.stop,
        )

    def opponent(
        self, body: OpponentBody, agent: Agent | None, persona: Persona | None, provider: str, where: str = ""
    ) -> Participant:
        """Another agent, or a simulated user on the fast tier of the provider the agent is called at."""
        route = self._route(body, own_wish(agent) if agent else RouteWish(provider=provider, tier=Tier.FAST))
        return Participant(
            agent_id=agent.id if agent else None,
            agent_version=agent.version if agent else None,
            name=agent.name if agent else (persona.name if persona and persona.name else "Simulated user"),
            system_prompt=agent.system_prompt if agent else (persona.text if persona else CURIOUS_PERSON),
            provider=route.provider,
            model=route.model,
            temperature=self._temperature(body.temperature, agent.temperature if agent else None),
            max_tokens=self._max_tokens(
                route, body.max_tokens, agent.max_tokens if agent else None, f"{where}opponent.maxTokens"
            ),
            stop=agent.stop if agent else (),
        )

    def judge(self, body: JudgeBody, provider: str) -> JudgeSettings:
        """The judge: the fast tier of the agent's provider where no model is named."""
        fast = self._route(body, RouteWish(provider=provider, tier=Tier.FAST))
        asked = RouteWish(provider=body.provider, model=body.strong_model)
        own = RouteWish(provider=fast.provider)
        strong = self.router.first(wished(self.router, asked, own)) if body.strong_model else None
        return JudgeSettings(
            enabled=body.enabled,
            provider=fast.provider,
            model=fast.model,
            strong_provider=strong.provider if strong else None,
            strong_model=strong.model if strong else None,
            confidence=self.limits.judge_confidence if body.confidence is None else body.confidence,
        )

    def report(self, provider: str) -> Participant:
        """Who writes the report: the standard tier of the agent's provider."""
        route = self.router.first(RouteWish(provider=provider, tier=Tier.STANDARD))
        return Participant(
            name="report",
            system_prompt="",
            provider=route.provider,
            model=route.model,
            max_tokens=min(REPORT_MAX_TOKENS, route.entry.max_output_tokens),
        )

    def _route(self, asked: BattleFields | OpponentBody | JudgeBody, own: RouteWish) -> Route:
        wish = RouteWish(provider=asked.provider, model=asked.model)
        return self.router.first(wished(self.router, wish, own))

    def _temperature(self, asked: float | None, own: float | None) -> float:
        return next((value for value in (asked, own) if value is not None), self.limits.temperature)

    def _max_tokens(self, route: Route, asked: int | None, own: int | None, where: str) -> int:
        most = route.entry.max_output_tokens
        if asked is not None and asked > most:
            raise InvalidRequest(FieldProblem(where, f"must be at most {most}, the most {route.model} writes", most))
        return asked or min(own or self.limits.turn_max_tokens, most)
