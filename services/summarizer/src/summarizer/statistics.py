"""What a run's conversations add up to (docs/api.md, "Scale tests, comparisons, reports"). Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import floor, sqrt

from shared.contracts.money import to_usd
from shared.contracts.reports import CriterionRate, Percentiles, Statistics, TurnsToGoal
from shared.contracts.settings import Criterion
from summarizer.material import Material, Played

Z_95 = 1.959963984540054
MET, UNMET = "met", "unmet"


def count(material: Material) -> Statistics:
    """The statistics of a run. Rates are over conversations that were judged and did not end by error."""
    played = material.conversations
    succeeded = sum(one.goal_reached is True for one in _decided(played))
    unsuccessful = sum(one.goal_reached is False for one in _decided(played))
    errored = sum(one.errored for one in played)
    rate = rate_of(succeeded, succeeded + unsuccessful)
    turns = turns_to_goal(played)
    answers = [answer for one in played for answer in one.answers]
    return Statistics(
        total=len(played),
        succeeded=succeeded,
        unsuccessful=unsuccessful,
        errored=errored,
        failed=errored,
        success_rate=rate,
        success_interval=wilson(succeeded, succeeded + unsuccessful),
        pass_at_k=None if rate is None else 1 - (1 - rate) ** len(played),
        pass_pow_k=None if rate is None else rate ** len(played),
        mean_turns_to_goal=sum(turns) / len(turns) if turns else None,
        turns_to_goal=TurnsToGoal(p50=percentile(turns, 0.5), p90=percentile(turns, 0.9)),
        ended_reasons=dict(Counter(one.ended_reason.value for one in played)),
        actual_usd=to_usd(material.usage.cost_nanos),
        tokens=_tokens(material),
        latency_ms=_percentiles([one.latency_ms for one in answers if one.latency_ms is not None]),
        ttft_ms=_percentiles([one.ttft_ms for one in answers if one.ttft_ms is not None]),
    )


def criterion_rates(material: Material) -> tuple[CriterionRate, ...]:
    """How often each criterion was met, by the last judgement of every conversation; an unknown one counts nowhere."""
    return tuple(_criterion_rate(criterion, material.conversations) for criterion in _criteria(material))


def wilson(successes: int, total: int) -> tuple[float, float] | None:
    """The 95 % Wilson score interval of a rate; None where nothing was counted."""
    if total == 0:
        return None
    rate, squared = successes / total, Z_95**2
    centre = (rate + squared / (2 * total)) / (1 + squared / total)
    reach = Z_95 * sqrt(rate * (1 - rate) / total + squared / (4 * total**2)) / (1 + squared / total)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def rate_of(successes: int, total: int) -> float | None:
    """A share; None where nothing was counted."""
    return successes / total if total else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the values lie, interpolated between neighbours; None where there is none."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def turns_to_goal(played: Sequence[Played]) -> list[float]:
    """Messages it took to reach the goal: the one judged, not the length, for a reply may have slipped in behind it."""
    return [float(one.decided_by) for one in played if one.goal_reached and one.decided_by is not None]


def _decided(played: Sequence[Played]) -> Iterator[Played]:
    return (one for one in played if not one.errored)


def _percentiles(values: Sequence[float]) -> Percentiles:
    return Percentiles(p50=percentile(values, 0.5), p95=percentile(values, 0.95))


def _tokens(material: Material) -> dict[str, int]:
    prompt, completion = material.usage.prompt_tokens, material.usage.completion_tokens
    return {"prompt": prompt, "completion": completion, "total": prompt + completion}


def _criteria(material: Material) -> list[Criterion]:
    """Every criterion of the run once, in the order in which its scenarios name them."""
    named = [criterion for scenario in material.run.settings.scenarios for criterion in scenario.criteria]
    return list({criterion.id: criterion for criterion in reversed(named)}.values())[::-1]


def _criterion_rate(criterion: Criterion, played: Sequence[Played]) -> CriterionRate:
    found = Counter(
        judged.status
        for conversation in _decided(played)
        if conversation.judgement is not None
        for judged in conversation.judgement.criteria
        if judged.id == criterion.id
    )
    judged_in_all = found[MET] + found[UNMET]
    return CriterionRate(
        id=criterion.id,
        name=criterion.text,
        satisfied_rate=rate_of(found[MET], judged_in_all),
        interval=wilson(found[MET], judged_in_all),
    )
