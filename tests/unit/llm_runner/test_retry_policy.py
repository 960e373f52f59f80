"""When a failed attempt is followed by another."""

from datetime import timedelta

import pytest

from llm_runner.providers.provider import ProviderFailure
from llm_runner.retry_policy import LONGEST_RETRY_AFTER, GiveUp, Retry, after_failure
from llm_runner.settings import CallSettings, RetrySettings
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import Purpose, Tier

PASSING = ProviderFailure(Family.OVERLOADED, "busy")


@pytest.mark.parametrize(("tier", "attempts"), [(Tier.FAST, 3), (Tier.STANDARD, 3), (Tier.PREMIUM, 2)])
def test_each_tier_has_its_number_of_attempts(tier: Tier, attempts: int) -> None:
    retries = RetrySettings().retries(tier)
    followed = [type(after_failure(PASSING, failures, retries, 0.5)) for failures in range(1, attempts + 1)]
    assert followed == [Retry] * (attempts - 1) + [GiveUp]


def test_what_will_not_pass_is_not_tried_again() -> None:
    assert after_failure(ProviderFailure(Family.BAD_REQUEST, "no"), 1, 5, 0.5) == GiveUp()


def test_the_back_off_doubles_up_to_its_bound() -> None:
    followed = [after_failure(PASSING, failures, 9, 0.5) for failures in range(1, 8)]
    for follows, full in zip(followed, (0.5, 1, 2, 4, 8, 8, 8), strict=True):
        assert isinstance(follows, Retry)
        assert 0.75 * full <= follows.delay.total_seconds() <= full


def test_what_the_provider_asks_for_is_granted_within_reason() -> None:
    for asked, granted in ((timedelta(seconds=30), timedelta(seconds=30)), (timedelta(days=2), LONGEST_RETRY_AFTER)):
        failure = ProviderFailure(Family.RATE_LIMIT, "later", retry_after=asked)
        assert after_failure(failure, 1, 2, 0.5) == Retry(granted)


def test_an_assist_has_a_minute() -> None:
    assert (CallSettings().total(Purpose.ASSIST), CallSettings().total(Purpose.TURN)) == (60, 300)
