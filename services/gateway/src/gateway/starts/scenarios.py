"""How one conversation is played, from what a start says of it. Pure."""

from collections.abc import Mapping

from gateway.casting.agents import AgentKey
from gateway.errors import FieldProblem, InvalidAgent, InvalidRequest
from gateway.schemas.agents import criteria_of
from gateway.schemas.starts import BattleFields, JudgeBody, OpponentBody, PersonaBody
from gateway.starts.participants import BattleCast, Persona, persona_of, resolve_persona
from shared.contracts.agents import Agent
from shared.contracts.enums import Side
from shared.contracts.settings import ConversationSettings, Criterion, GivenMessage
from shared.settings import LimitSettings


class Scenarios:
    """Builds conversations of the agents a start names; `agents` holds them by (id, version asked for)."""

    def __init__(self, cast: BattleCast, limits: LimitSettings, agents: Mapping[AgentKey, Agent]) -> None:
        self._cast = cast
        self._limits = limits
        self._agents = agents

    def over_personas(
        self, fields: BattleFields, personas: list[PersonaBody] | None
    ) -> tuple[ConversationSettings, ...]:
        """One scenario a persona, or the one the fields give. Raises InvalidRequest."""
        if personas is None:
            return (self.scenario(fields),)
        if fields.opponent is not None and fields.opponent.agent_id is not None:
            raise InvalidRequest(FieldProblem("personas", "cannot stand beside opponent.agentId: an agent has none"))
        resolved = [resolve_persona(body, f"personas.{position}") for position, body in enumerate(personas)]
        return tuple(self._play(fields, persona, "") for persona in resolved)

    def scenario(self, fields: BattleFields, where: str = "") -> ConversationSettings:
        """The conversation the fields describe; `where` is their path in the request. Raises InvalidRequest."""
        return self._play(fields, persona_of(fields.opponent, where), where)

    def _play(self, fields: BattleFields, persona: Persona | None, where: str) -> ConversationSettings:
        self._check(fields, where)
        agent = self._agent(fields.agent_id, fields.agent_version, f"{where}agentId")
        cast = self._cast.agent(agent, fields, where)
        opponent = fields.opponent or OpponentBody()
        other = self._agent(opponent.agent_id, opponent.agent_version, "") if opponent.agent_id else None
        goal = fields.goal or (persona.goal if persona else None)
        return ConversationSettings(
            agent=cast,
            opponent=self._cast.opponent(opponent, other, persona, cast.provider, cast.fallback, where),
            opponent_goal=opponent.goal or (persona.goal if persona else None) or goal,
            persona_id=persona.id if persona else None,
            goal=goal,
            criteria=self._criteria(fields, agent, where),
            given=self._given(fields, persona),
            opens=fields.opens or Side.OPPONENT,
            message_limit=fields.message_limit or self._limits.message_limit,
            time_limit_seconds=fields.time_limit_seconds or self._limits.conversation_time_limit_seconds,
            judge=self._cast.judge(fields.judge or JudgeBody(), cast.provider, cast.fallback),
        )

    def _check(self, fields: BattleFields, where: str) -> None:
        """What depends on settings, on other fields, or on what is built so far."""
        ceiling = self._limits.message_limit_ceiling
        if fields.message_limit is not None and fields.message_limit > ceiling:
            raise InvalidRequest(FieldProblem(f"{where}messageLimit", f"must be at most {ceiling}", ceiling))
        if fields.user_message is not None and fields.opens is Side.AGENT:
            raise InvalidRequest(
                FieldProblem(f"{where}userMessage", "is the opponent's first message, but opens says agent")
            )
        if fields.ab is not None:
            raise InvalidRequest(FieldProblem(f"{where}ab", "is not offered here yet: start two battles"))
        if fields.opponent is not None and fields.opponent.script is not None:
            raise InvalidRequest(FieldProblem(f"{where}opponent.script", "is not offered here yet: use a persona"))

    def _agent(self, agent_id: str | None, version: int | None, where: str) -> Agent:
        if agent_id is None:
            raise InvalidRequest(FieldProblem(where, "is required"))
        found = self._agents.get((agent_id, version))
        if found is None:
            raise InvalidAgent(agent_id, version)
        return found

    def _criteria(self, fields: BattleFields, agent: Agent, where: str) -> tuple[Criterion, ...]:
        if fields.criteria is None:
            return agent.criteria
        try:
            return criteria_of(fields.criteria)
        except ValueError as error:
            raise InvalidRequest(FieldProblem(f"{where}criteria", str(error))) from error

    def _given(self, fields: BattleFields, persona: Persona | None) -> tuple[GivenMessage, ...]:
        if fields.user_message is not None:
            return (GivenMessage(side=Side.OPPONENT, content=fields.user_message),)
        if persona is None or persona.opening is None or fields.opens is Side.AGENT:
            return ()
        return (GivenMessage(side=Side.OPPONENT, content=persona.opening),)
