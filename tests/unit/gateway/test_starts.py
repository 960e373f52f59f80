"""From a start to the settings a run is played by: pure, without a server."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.casting.participants import Casting
from gateway.errors import BudgetExceeded, InvalidRequest
from gateway.schemas.starts import BattleStart, EstimateStart, ScaleStart
from gateway.settings import GatewaySettings
from gateway.starts.idempotency import body_hash
from gateway.starts.planning import Plan, Planner, new_run
from shared.contracts.agents import Agent
from shared.contracts.enums import Purpose, RunKind, RunStatus, Side, Tier, Wanted
from shared.contracts.routes import RouteWish
from shared.contracts.settings import Criterion
from shared.contracts.timestamps import now
from shared.routing import Registry, Router, UnknownModel
from support.callers import caller
from support.gateway.app import CASTING, REGISTRY


def agent(**values: Any) -> Agent:
    moment = now()
    made = {"id": "a", "tenant": "default", "created_at": moment, "updated_at": moment}
    return Agent.model_validate(made | {"name": "Agent", "system_prompt": "Be kind."} | values)


def battle(found: Agent | None = None, others: dict[str, Agent] | None = None, **body: Any) -> Plan:
    start = BattleStart.model_validate({"agentId": "a"} | body)
    agents: dict[tuple[str, int | None], Agent] = {("a", None): found or agent()}
    agents |= {(name, None): other for name, other in (others or {}).items()}
    return Planner(REGISTRY, CASTING, GatewaySettings()).battle(start, agents, seed=3)


def scale(**body: Any) -> Plan:
    start = ScaleStart.model_validate({"agentId": "a"} | body)
    return Planner(REGISTRY, CASTING, GatewaySettings()).scale(start, {("a", None): agent()}, seed=3)


def fields_of(refused: InvalidRequest) -> Any:
    return refused.details["fields"]


def test_plain_battle_has_the_documented_defaults() -> None:
    settings = battle(goal="A refund.").settings
    played = settings.conversation(1)
    assert (settings.kind, settings.total, settings.concurrency, settings.seed) == (RunKind.BATTLE, 1, 1, 3)
    assert settings.max_budget_nanos == 50_000_000
    assert settings.report is None
    assert (played.message_limit, played.time_limit_seconds, played.opens) == (25, 1800.0, Side.OPPONENT)
    assert (played.agent.model, played.agent.temperature, played.agent.max_tokens) == ("demo-standard", 0.7, 2000)
    assert (played.opponent.model, played.opponent_goal) == ("demo-fast", "A refund.")
    assert played.judge is not None
    assert (played.judge.model, played.judge.confidence, played.judge.two_stages) == ("demo-fast", 0.8, False)


def test_participants_keep_who_was_asked_for_and_the_run_names_who_that_is() -> None:
    settings = battle(
        agent(tier="fast"), goal="A refund.", opponent={"provider": "other"}, judge={"strongModel": "demo-standard"}
    ).settings
    played = settings.conversation(1)
    assert played.agent.wish == RouteWish(tier=Tier.FAST)
    assert played.opponent.wish == RouteWish(provider="other", tier=Tier.FAST)
    assert played.judge is not None
    assert played.judge.wish == RouteWish(provider="demo", tier=Tier.FAST)
    assert [(one.role, f"{one.provider}/{one.model}", one.tier) for one in settings.models] == [
        ("agent", "demo/demo-fast", "fast"),
        ("opponent", "other/big", "fast"),
        ("judge", "demo/demo-fast", "fast"),
        ("judge", "demo/demo-standard", None),
    ]
    named = battle(agent(tier="fast"), model="big").settings
    assert [(one.role, one.model, one.tier) for one in named.models] == [
        ("agent", "big", None),
        ("opponent", "big", "fast"),
    ]


def test_start_overrides_the_agent_and_the_agent_the_defaults() -> None:
    own = agent(model="demo-fast", temperature=0.1, max_tokens=50, stop=("END",))
    played = battle(own).settings.conversation(1)
    assert (played.agent.model, played.agent.temperature, played.agent.max_tokens) == ("demo-fast", 0.1, 50)
    assert played.agent.stop == ("END",)
    over = battle(own, model="demo-standard", temperature=0, maxTokens=60, systemPrompt="Other.", stop=[])
    played = over.settings.conversation(1)
    assert (played.agent.model, played.agent.temperature, played.agent.max_tokens) == ("demo-standard", 0, 60)
    assert (played.agent.system_prompt, played.agent.stop) == ("Other.", ())


def test_model_without_its_provider_is_found_wherever_it_is() -> None:
    own = agent(provider="demo", model="demo-fast")
    assert battle(own, model="big").settings.conversation(1).agent.provider == "other"
    assert battle(own, provider="other").settings.conversation(1).agent.model == "big"
    with pytest.raises(UnknownModel):
        battle(own, provider="demo", model="big")


def test_agent_may_not_ask_for_more_tokens_than_its_model_writes() -> None:
    assert battle(agent(max_tokens=1_000_000)).settings.conversation(1).agent.max_tokens == 4_096
    with pytest.raises(InvalidRequest) as refused:
        battle(maxTokens=4_097)
    assert fields_of(refused.value)[0]["bound"] == 4_096


def test_opponent_may_be_another_agent() -> None:
    other = agent(id="b", name="Rival", system_prompt="Be stern.", model="demo-standard")
    played = battle(others={"b": other}, opponent={"agentId": "b", "goal": "Win."}, goal="g").settings.conversation(1)
    assert (played.opponent.name, played.opponent.system_prompt) == ("Rival", "Be stern.")
    assert (played.opponent.agent_id, played.opponent.model) == ("b", "demo-standard")
    assert (played.opponent_goal, played.goal) == ("Win.", "g")


def test_persona_gives_text_goal_and_opening() -> None:
    played = battle(opponent={"personaId": "refund-request"}).settings.conversation(1)
    assert played.opponent.system_prompt.startswith("You are Dana.")
    assert "Style: Polite but firm" in played.opponent.system_prompt
    assert played.goal == played.opponent_goal
    assert played.persona_id == "refund-request"
    assert [(message.side, message.content[:5]) for message in played.given] == [(Side.OPPONENT, "Hello")]


def test_a_style_adds_no_paragraph_to_a_persona() -> None:
    own = {"prompt": "You are Ada.", "style": "Terse.\n\nYou want nothing."}
    played = battle(opponent={"persona": own}).settings.conversation(1)
    assert played.opponent.system_prompt == "You are Ada.\n\nStyle: Terse.\n| \n| You want nothing."


def test_user_message_replaces_the_opening() -> None:
    played = battle(opponent={"personaId": "refund-request"}, userMessage="Hi!").settings.conversation(1)
    assert [message.content for message in played.given] == ["Hi!"]


def test_agent_that_opens_gets_no_opening() -> None:
    played = battle(opponent={"personaId": "refund-request"}, opens="agent").settings.conversation(1)
    assert played.given == ()
    assert played.side_of(1) is Side.AGENT


def test_criteria_get_ids_and_fall_back_to_the_agents() -> None:
    own = agent(criteria=(Criterion(id="x", text="Own."),))
    assert [one.id for one in battle(own).settings.conversation(1).criteria] == ["x"]
    asked = battle(own, criteria=["Polite.", {"id": "b", "text": "Short.", "required": False}])
    criteria = asked.settings.conversation(1).criteria
    assert [(one.id, one.text, one.required) for one in criteria] == [("c1", "Polite.", True), ("b", "Short.", False)]


def test_scale_test_reserves_its_report() -> None:
    settings = scale(runs=4, goal="g", messageLimit=6).settings
    assert settings.report is not None
    assert (settings.report.name, settings.report.model) == ("report", "demo-standard")
    assert settings.report_reserve_nanos > 0
    assert settings.max_budget_nanos == 4 * 50_000_000


@pytest.mark.parametrize("prices", [REGISTRY, Registry()], ids=["demo", "openai"])
def test_default_budget_of_a_scale_test_holds_at_the_documented_size(prices: Registry) -> None:
    start = ScaleStart.model_validate({"agentId": "a", "runs": 10, "personas": ["refund-request"]})
    prompted = agent(system_prompt="You are the support agent of a shop. " * 50)
    plan = (
        Planner(prices, Casting(Router(prices), temperature=0.7), GatewaySettings())
        .scale(start, {("a", None): prompted}, seed=3)
        .fit()
    )
    assert plan.settings.max_budget_nanos == 500_000_000
    assert plan.estimate.nanos > 100_000_000


def test_default_budgets_are_for_each_conversation_and_as_set() -> None:
    limits = GatewaySettings(scale_budget_usd=0.2)
    start = ScaleStart.model_validate({"agentId": "a", "runs": 3})
    plan = Planner(REGISTRY, CASTING, limits).scale(start, {("a", None): agent()}, seed=3)
    assert plan.settings.max_budget_nanos == 600_000_000
    assert scale(runs=3, maxBudgetUsd=0.07).settings.max_budget_nanos == 70_000_000


def test_a_refusal_names_a_budget_that_holds() -> None:
    with pytest.raises(BudgetExceeded) as refused:
        scale(runs=7, goal="g", maxBudgetUsd=0.001).fit()
    named = re.search(r"maxBudgetUsd (\d+\.\d+)", refused.value.message)
    assert named is not None
    assert scale(runs=7, goal="g", maxBudgetUsd=float(named[1])).fit().settings.total == 7
    with pytest.raises(BudgetExceeded):
        scale(runs=7, goal="g", maxBudgetUsd=float(named[1]) - 0.0001).fit()


def test_run_that_nobody_judges_pays_for_no_report() -> None:
    without_judge = scale(runs=3, goal="g", judge={"enabled": False})
    for plan in (scale(runs=3), without_judge, battle(battles=[{"agentId": "a"}] * 2)):
        assert (plan.settings.judged, plan.settings.report, plan.settings.report_reserve_nanos) == (False, None, 0)
        assert plan.estimate.view().judged is False
        assert set(plan.estimate.by_purpose) == {Purpose.TURN}
    some = battle(battles=[{"agentId": "a"}, {"agentId": "a", "goal": "g"}])
    assert (some.settings.judged, some.settings.report is not None) == (True, True)
    assert scale(personas=["refund-request"]).estimate.view().judged is True


CONCURRENCIES = [(None, "demo", 8), (3, "demo", 3), (99, "demo", 8), (8, "other", 1)]


@pytest.mark.parametrize(("asked", "provider", "granted"), CONCURRENCIES)
def test_concurrency_is_bounded_by_the_total_and_half_the_lane(asked: int | None, provider: str, granted: int) -> None:
    assert scale(runs=8, concurrency=asked, provider=provider).settings.concurrency == granted


def test_conversations_without_a_judge_do_not_count_its_provider() -> None:
    # Without goal and criteria nobody judges: the narrow lane of the judge's provider is not used.
    assert scale(runs=8, judge={"model": "big"}).settings.concurrency == 8
    assert scale(runs=8, judge={"model": "big"}, goal="g").settings.concurrency == 1


def test_several_battles_add_their_budgets_unless_the_run_has_one() -> None:
    battles = [{"agentId": "a"}, {"agentId": "a", "maxBudgetUsd": 0.2}]
    assert battle(battles=battles).settings.max_budget_nanos == 250_000_000
    assert battle(battles=battles, maxBudgetUsd=1).settings.max_budget_nanos == 1_000_000_000


def test_estimate_counts_what_is_generated_and_not_what_is_given() -> None:
    plain = battle(goal="g", messageLimit=6).estimate.view()
    given = battle(goal="g", messageLimit=6, userMessage="Hi!").estimate.view()
    assert plain.by_purpose[Purpose.TURN].calls == 6
    assert given.by_purpose[Purpose.TURN].calls == 5
    assert plain.by_purpose[Purpose.JUDGE].calls == 3
    assert plain.estimated_usd > given.estimated_usd > 0


def test_estimate_of_many_is_that_of_one_times_their_number() -> None:
    one, ten = scale(runs=1, goal="g").estimate, scale(runs=10, goal="g").estimate
    for purpose in (Purpose.TURN, Purpose.JUDGE):
        assert ten.by_purpose[purpose].nanos == 10 * one.by_purpose[purpose].nanos


def test_plan_over_its_budget_does_not_fit() -> None:
    with pytest.raises(BudgetExceeded) as refused:
        battle(goal="g", maxBudgetUsd=0.0001).fit()
    assert refused.value.top_level["maxBudgetUsd"] == 0.0001


def test_new_run_is_queued_and_wanted() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    plan = scale(runs=2, goal="g")
    run = new_run(plan.settings, caller("ada"), moment, client_id="mine", body_hash="h")
    assert (run.status, run.control.wanted, run.control.version, run.control.handled) == (
        RunStatus.QUEUED,
        Wanted.RUN,
        1,
        0,
    )
    assert (run.tenant, run.user, run.client_id) == ("default", "ada", "mine")
    assert run.deadline_at == moment + timedelta(hours=2)
    assert run.budget.open == plan.settings.report_reserve_nanos


def test_hash_of_a_body_ignores_what_says_nothing() -> None:
    said = [
        '{"agentId":"a","goal":"g","maxBudgetUsd":1}',
        '{"maxBudgetUsd":1.0,"goal":"g","unknown":[1],"seed":null,"agentId":"a"}',
    ]
    hashes = {body_hash(RunKind.BATTLE, BattleStart.model_validate_json(one)) for one in said}
    assert len(hashes) == 1
    other = BattleStart.model_validate_json('{"agentId":"a","goal":"h","maxBudgetUsd":1}')
    assert body_hash(RunKind.BATTLE, other) not in hashes
    assert body_hash(RunKind.SCALE, BattleStart.model_validate_json(said[0])) not in hashes


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ({}, False),
        ({"runs": 2}, True),
        ({"runCount": 2}, True),
        ({"personas": ["refund-request"]}, True),
        ({"kind": "scale"}, True),
        ({"kind": "battle", "runs": 2}, False),
    ],
)
def test_estimate_tells_battles_from_scale_tests(body: dict[str, Any], meant: bool) -> None:
    assert EstimateStart.model_validate(body).scale is meant


def test_personas_are_ids_objects_or_sentences() -> None:
    settings = scale(runs=3, personas=["technical-support", {"id": "mine", "prompt": "You are Ada."}, "You are Bo."])
    played = [settings.settings.conversation(index) for index in (1, 2, 3)]
    assert [one.persona_id for one in played] == ["technical-support", "mine", None]
    assert [one.opponent.system_prompt[:10] for one in played] == ["You are Ro", "You are Ad", "You are Bo"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"personas": ["nobody"]}, "personas.0"),
        ({"personas": [{"name": "n"}]}, "personas.0"),
        ({"personas": ["refund-request"], "opponent": {"agentId": "b"}}, "personas"),
        ({"runs": 2, "runCount": 3}, "runCount"),
    ],
)
def test_scale_test_that_cannot_be_meant_is_refused(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        scale(**body)
    assert fields_of(refused.value)[0]["field"] == field
