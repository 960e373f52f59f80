"""What a run's conversations add up to (docs/api.md, "Scale tests, comparisons, reports"). Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import floor, sqrt

from shared.contracts.money import to_usd
from shared.contracts.reports import CriterionRate, Percentiles, Statistics, TurnsToGoal
from shared.contracts.settings import Criterion
from summarizer.played_run import PlayedConversation, PlayedRun

Z_95 = 1.959963984540054
MET, UNMET = "met", "unmet"


def count(played: PlayedRun) -> Statistics:
    """The statistics of a run. Rates are over conversations that were judged and did not end by error.

    One that is substituted counts apart: it is neither succeeded nor unsuccessful.
    """
    conversations = played.conversations
    succeeded = sum(one.goal_reached is True for one in _decided(conversations))
    unsuccessful = sum(one.goal_reached is False for one in _decided(conversations))
    errored = sum(one.errored for one in conversations)
    rate = rate_of(succeeded, succeeded + unsuccessful)
    turns = turns_to_goal(list(_decided(conversations)))
    answers = [answer for one in conversations for answer in one.answers]
    return Statistics(
        total=len(conversations),
        succeeded=succeeded,
        unsuccessful=unsuccessful,
        errored=errored,
        failed=errored,
        success_rate=rate,
        success_interval=wilson(succeeded, succeeded + unsuccessful),
        pass_at_k=None if rate is None else 1 - (1 - rate) ** len(conversations),
        pass_pow_k=None if rate is None else rate ** len(conversations),
        mean_turns_to_goal=sum(turns) / len(turns) if turns else None,
        substituted=sum(one.substituted and not one.errored for one in conversations),
        turns_to_goal=TurnsToGoal(p50=percentile(turns, 0.5), p90=percentile(turns, 0.9)),
        ended_reasons=dict(Counter(one.ended_reason.value for one in conversations)),
        actual_usd=to_usd(played.usage.cost_nanos),
        tokens=_tokens(played),
        latency_ms=_percentiles([one.latency_ms for one in answers if one.latency_ms is not None]),
        ttft_ms=_percentiles([one.ttft_ms for one in answers if one.ttft_ms is not None]),
    )


def criterion_rates(played: PlayedRun) -> tuple[CriterionRate, ...]:
    """How often each criterion was met, by the last judgement of every conversation; an unknown one counts nowhere."""
    return tuple(_criterion_rate(criterion, played.conversations) for criterion in _criteria(played))


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


def turns_to_goal(conversations: Sequence[PlayedConversation]) -> list[float]:
    """Messages it took to reach the goal: the one judged, not the length, for a reply may have slipped in behind it."""
    return [float(one.decided_by) for one in conversations if one.goal_reached and one.decided_by is not None]


def _decided(conversations: Sequence[PlayedConversation]) -> Iterator[PlayedConversation]:
    return (one for one in conversations if not one.errored and not one.substituted)


def _percentiles(values: Sequence[float]) -> Percentiles:
    return Percentiles(p50=percentile(values, 0.5), p95=percentile(values, 0.95))


def _tokens(played: PlayedRun) -> dict[str, int]:
    prompt, completion = played.usage.prompt_tokens, played.usage.completion_tokens
    return {"prompt": prompt, "completion": completion, "total": prompt + completion}


def _criteria(played: PlayedRun) -> list[Criterion]:
    """Every criterion of the run once, in the order in which its scenarios name them."""
    named = [criterion for scenario in played.run.settings.scenarios for criterion in scenario.criteria]
    return list({criterion.id: criterion for criterion in reversed(named)}.values())[::-1]


def _criterion_rate(criterion: Criterion, conversations: Sequence[PlayedConversation]) -> CriterionRate:
    found = Counter(
        judged.status
        for conversation in _decided(conversations)
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
