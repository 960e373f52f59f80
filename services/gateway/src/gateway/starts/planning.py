"""From a request to a run: the settings it is played by, its estimate, and the run as it is stored. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.access.callers import Caller
from gateway.casting.agents import AgentKey
from gateway.casting.participants import Casting
from gateway.errors import BudgetExceeded, FieldProblem, InvalidRequest
from gateway.schemas.starts import BattleFields, BattleStart, ScaleStart
from gateway.settings import GatewaySettings
from gateway.starts.estimates import Estimate, estimate, report_reserve_nanos
from gateway.starts.participants import BattleCast
from gateway.starts.scenarios import Scenarios
from shared.contracts.agents import Agent
from shared.contracts.enums import Lane, RunKind
from shared.contracts.identity import new_id
from shared.contracts.kinds import KINDS
from shared.contracts.money import to_nanos
from shared.contracts.runs import Budget, Control, Run
from shared.contracts.settings import ConversationSettings, RunSettings
from shared.routing import Registry


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that could be started, and what it is expected to cost."""

    settings: RunSettings
    estimate: Estimate

    def fit(self) -> "Plan":
        """This plan. Raises BudgetExceeded where its estimate is over its budget."""
        if self.estimate.nanos > self.settings.max_budget_nanos:
            raise BudgetExceeded(self.estimate.nanos, self.settings.max_budget_nanos)
        return self


def battles_of(start: BattleStart) -> list[tuple[str, BattleFields]]:
    """The battles of a start, each with the path of its fields in the request."""
    if not start.battles:
        return [("", start)]
    shared = start.model_dump(by_alias=True, exclude_unset=True, exclude={"id", "battles", "max_budget_usd"})
    return [
        (
            f"battles.{position}.",
            BattleFields.model_validate(shared | battle.model_dump(by_alias=True, exclude_unset=True)),
        )
        for position, battle in enumerate(start.battles)
    ]


def agents_named(fields: Iterable[BattleFields]) -> Iterator[AgentKey]:
    """Every agent the fields name, of both sides."""
    for one in fields:
        if one.agent_id is not None:
            yield one.agent_id, one.agent_version
        if one.opponent is not None and one.opponent.agent_id is not None:
            yield one.opponent.agent_id, one.opponent.agent_version


class Planner:
    """Plans runs with the registry and the limits of this installation."""

    def __init__(self, registry: Registry, casting: Casting, settings: GatewaySettings) -> None:
        self._registry = registry
        self._router = casting.router
        self._limits = settings
        self._cast = BattleCast(casting, settings)

    def battle(self, start: BattleStart, agents: Mapping[AgentKey, Agent], seed: int) -> Plan:
        """One battle, or several as one run. Raises InvalidRequest and UnknownModel."""
        battles = battles_of(start)
        self._at_most("battles", len(battles), self._limits.battles_ceiling)
        scenarios = Scenarios(self._cast, self._limits, agents)
        played = tuple(scenarios.scenario(fields, where) for where, fields in battles)
        budget = start.max_budget_usd
        if budget is None:
            own = [fields.max_budget_usd for _, fields in battles] if start.battles else [None]
            budget = sum(self._limits.battle_budget_usd if one is None else one for one in own)
        return self._plan(RunKind.BATTLE, played, len(played), start, None, budget, seed)

    def scale(self, start: ScaleStart, agents: Mapping[AgentKey, Agent], seed: int) -> Plan:
        """The same battle many times. Raises InvalidRequest and UnknownModel."""
        if start.runs is not None and start.run_count is not None and start.runs != start.run_count:
            raise InvalidRequest(FieldProblem("runCount", "is another name of runs: send one of them", start.runs))
        total = start.runs or start.run_count or 1
        self._at_most("runs" if start.runs else "runCount", total, self._limits.runs_ceiling)
        scenarios = Scenarios(self._cast, self._limits, agents)
        played = scenarios.over_personas(start, start.personas)
        budget = start.max_budget_usd
        if budget is None:
            budget = self._limits.scale_budget_usd * total
        return self._plan(RunKind.SCALE, played, total, start, start.concurrency, budget, seed)

    def retry(self, parent: Run, failed: Sequence[int], budget_usd: float | None) -> Plan:
        """The conversations `failed` of a run once more, each by its scenario and seed. Raises UnknownModel.

        It may spend what its parent might, unless a budget is named: its report covers the parent's good ones too.
        """
        settings = parent.settings
        budget = settings.max_budget_nanos if budget_usd is None else to_nanos(budget_usd)
        changes: dict[str, object] = {
            "total": len(failed),
            "concurrency": min(settings.concurrency, len(failed)),
            "retried": tuple(settings.played_as(index) for index in failed),
            "max_budget_nanos": budget,
        }
        settings = settings.model_copy(update=changes)
        return Plan(settings, estimate(self._router, settings, self._limits))

    def _plan(
        self,
        kind: RunKind,
        scenarios: tuple[ConversationSettings, ...],
        total: int,
        start: BattleFields,
        concurrency: int | None,
        budget_usd: float,
        seed: int,
    ) -> Plan:
        # Without a goal or criteria nobody judges, and statistics need no writer.
        has_prose = KINDS[kind].has_prose(total) and any(one.judged for one in scenarios)
        settings = RunSettings(
            kind=kind,
            total=total,
            concurrency=min(concurrency or total, total, self._registry.half_lane(_providers(scenarios), Lane.BATCH)),
            scenarios=scenarios,
            seed=seed if start.seed is None else start.seed,
            max_budget_nanos=to_nanos(budget_usd),
            time_limit_seconds=max(self._limits.run_time_limit_seconds, start.time_limit_seconds or 0),
            report=self._cast.report(scenarios[0].agent.provider) if has_prose else None,
        )
        reserve = report_reserve_nanos(self._router, settings, self._limits)
        settings = settings.model_copy(update={"report_reserve_nanos": reserve})
        return Plan(settings, estimate(self._router, settings, self._limits))

    def _at_most(self, field: str, value: int, ceiling: int) -> None:
        if value > ceiling:
            raise InvalidRequest(FieldProblem(field, f"must be at most {ceiling}", ceiling))


def _providers(scenarios: Sequence[ConversationSettings]) -> set[str]:
    """Every provider the conversations call."""
    called = {one.agent.provider for one in scenarios} | {one.opponent.provider for one in scenarios}
    return called | {one.judge.provider for one in scenarios if one.judge and one.judged}


def new_run(
    settings: RunSettings,
    caller: Caller,
    now: datetime,
    *,
    client_id: str | None = None,
    idempotency_key: str | None = None,
    body_hash: str | None = None,
    estimated_nanos: int = 0,
    parent: str | None = None,
) -> Run:
    """A run as it is stored at its start: wanted, in control version 1, nothing spent. Its id is made here."""
    return Run(
        id=new_id(),
        tenant=caller.tenant,
        user=caller.user,
        kind=settings.kind,
        client_id=client_id,
        idempotency_key=idempotency_key,
        body_hash=body_hash,
        estimated_nanos=estimated_nanos,
        parent=parent,
        settings=settings,
        control=Control(changed_at=now),
        budget=Budget(max=settings.max_budget_nanos, open=settings.report_reserve_nanos),
        created_at=now,
        deadline_at=now + timedelta(seconds=settings.time_limit_seconds),
    )
