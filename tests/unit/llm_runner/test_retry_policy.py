"""When a failed attempt is followed by another."""

from datetime import timedelta

import pytest

from llm_runner.providers.provider import ProviderFailure
from llm_runner.retry_policy import GiveUp, MoveOn, Patience, Retry, after_failure
from llm_runner.settings import CallSettings, RetrySettings
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import Purpose, Tier
from shared.routing import ModelEntry, Route

PASSING = ProviderFailure(Family.OVERLOADED, "busy")
PATIENCE = Patience(timedelta(seconds=0.5), timedelta(minutes=2))
ELSEWHERE = Route("other", "model", ModelEntry())


@pytest.mark.parametrize(("tier", "attempts"), [(Tier.FAST, 3), (Tier.STANDARD, 3), (Tier.PREMIUM, 2)])
def test_each_tier_has_its_number_of_attempts(tier: Tier, attempts: int) -> None:
    retries = RetrySettings().retries(tier)
    followed = [type(after_failure(PASSING, failures, retries, PATIENCE)) for failures in range(1, attempts + 1)]
    assert followed == [Retry] * (attempts - 1) + [GiveUp]


def test_what_will_not_pass_is_not_tried_again() -> None:
    assert after_failure(ProviderFailure(Family.BAD_REQUEST, "no"), 1, 5, PATIENCE) == GiveUp()


def test_the_back_off_doubles_up_to_its_bound() -> None:
    followed = [after_failure(PASSING, failures, 9, PATIENCE) for failures in range(1, 8)]
    for follows, full in zip(followed, (0.5, 1, 2, 4, 8, 8, 8), strict=True):
        assert isinstance(follows, Retry)
        assert 0.75 * full <= follows.delay.total_seconds() <= full


@pytest.mark.parametrize(
    ("seconds", "onward", "follows"),
    [
        (30, None, Retry(timedelta(seconds=30))),
        (120, ELSEWHERE, Retry(timedelta(minutes=2))),
        (121, ELSEWHERE, MoveOn(ELSEWHERE)),
        (86_400, None, GiveUp()),
    ],
)
def test_what_the_provider_asks_for_is_granted_within_reason(
    seconds: int, onward: Route | None, follows: Retry | MoveOn | GiveUp
) -> None:
    failure = ProviderFailure(Family.RATE_LIMIT, "later", retry_after=timedelta(seconds=seconds))
    assert after_failure(failure, 1, 2, PATIENCE, onward) == follows


def test_ra_04_who_may_be_asked_at_once_is_asked_a_little_later() -> None:
    failure = ProviderFailure(Family.RATE_LIMIT, "later", retry_after=timedelta())
    follows = after_failure(failure, 1, 2, PATIENCE)
    assert isinstance(follows, Retry)
    assert 0.1 <= follows.delay.total_seconds() <= 0.2


@pytest.mark.parametrize("family", Family)
def test_each_family_says_whether_the_next_route_is_asked(family: Family) -> None:
    follows = after_failure(ProviderFailure(family, "no"), 9, 2, PATIENCE, ELSEWHERE)
    stays = family in (Family.BAD_REQUEST, Family.CONTENT_POLICY, Family.UNSUPPORTED_PARAMETER)
    assert follows == (GiveUp() if stays else MoveOn(ELSEWHERE))


def test_an_assist_has_a_minute() -> None:
    assert (CallSettings().total(Purpose.ASSIST), CallSettings().total(Purpose.TURN)) == (60, 300)
