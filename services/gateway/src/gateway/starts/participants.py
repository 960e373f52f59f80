"""Who takes part in a conversation: agents, opponents, judges and report writers, resolved to models. Pure."""

from dataclasses import dataclass

from gateway.casting.participants import Casting, TokenBound
from gateway.errors import FieldProblem, InvalidRequest
from gateway.schemas.personas import BY_ID
from gateway.schemas.starts import BattleFields, JudgeBody, OpponentBody, PersonaBody
from shared.contracts.agents import Agent
from shared.contracts.enums import Fallback, Tier
from shared.contracts.framing import behind
from shared.contracts.routes import RouteWish
from shared.contracts.settings import JudgeSettings, Participant
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
class BattleCast:
    """Who takes part in a battle, and who judges and reports."""

    casting: Casting
    limits: LimitSettings

    def agent(self, agent: Agent, body: BattleFields, where: str = "") -> Participant:
        """The agent under test: its own values, overridden by the start's."""
        return self.casting.participant(
            RouteWish(provider=body.provider, model=body.model),
            agent,
            system_prompt=body.system_prompt,
            temperature=body.temperature,
            tokens=TokenBound(body.max_tokens, self.limits.turn_max_tokens, f"{where}maxTokens"),
            stop=body.stop,
            fallback=body.fallback or Fallback.HOST,
        )

    def opponent(
        self,
        body: OpponentBody,
        agent: Agent | None,
        persona: Persona | None,
        provider: str,
        fallback: Fallback,
        where: str = "",
    ) -> Participant:
        """Another agent, or a simulated user on the fast tier of the provider the agent is called at."""
        return self.casting.participant(
            RouteWish(provider=body.provider, model=body.model),
            agent,
            name=persona.name if persona and persona.name else "Simulated user",
            system_prompt=None if agent else persona.text if persona else CURIOUS_PERSON,
            temperature=body.temperature,
            tokens=TokenBound(body.max_tokens, self.limits.turn_max_tokens, f"{where}opponent.maxTokens"),
            otherwise=RouteWish(provider=provider, tier=Tier.FAST),
            fallback=fallback,
        )

    def judge(self, body: JudgeBody, provider: str, fallback: Fallback) -> JudgeSettings:
        """The judge: the fast tier of the agent's provider where no model is named."""
        casting, tier = self.casting, RouteWish(provider=provider, tier=Tier.FAST)
        wish = casting.wish(RouteWish(provider=body.provider, model=body.model), tier)
        fast = casting.router.first(wish)
        named = RouteWish(provider=body.provider, model=body.strong_model)
        beside = RouteWish(provider=fast.provider)
        strong = casting.router.first(casting.wish(named, beside)) if body.strong_model else None
        return JudgeSettings(
            enabled=body.enabled,
            provider=fast.provider,
            model=fast.model,
            wish=wish,
            fallback=fallback,
            strong_provider=strong.provider if strong else None,
            strong_model=strong.model if strong else None,
            confidence=self.limits.judge_confidence if body.confidence is None else body.confidence,
        )

    def report(self, provider: str) -> Participant:
        """Who writes the report: the standard tier of the agent's provider."""
        wish, tokens = RouteWish(provider=provider, tier=Tier.STANDARD), TokenBound(None, REPORT_MAX_TOKENS)
        return self.casting.participant(wish, name="report", tokens=tokens)
