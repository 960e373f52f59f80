"""What a run is expected to cost, summed by purpose."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.schemas.answers import EstimateView, PurposeEstimate, Tokens
from shared.contracts.enums import Purpose
from shared.contracts.money import to_usd
from shared.contracts.settings import RunSettings
from shared.routing import Router
from shared.routing.estimates import ExpectedCall, expected_calls, report_call, report_calls, reserved_nanos
from shared.settings import LimitSettings


@dataclass
class _Sum:
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    nanos: int = 0

    def add(self, call: ExpectedCall, times: int) -> None:
        self.calls += times
        self.prompt += times * call.prompt_tokens
        self.completion += times * call.completion_tokens
        self.nanos += times * call.cost_nanos

    @property
    def tokens(self) -> Tokens:
        return Tokens(prompt=self.prompt, completion=self.completion, total=self.prompt + self.completion)


@dataclass(frozen=True)
class Estimate:
    """The expected cost in nano-dollars, the sums it is made of, and whether anybody judges for it."""

    judged: bool = True
    total: _Sum = field(default_factory=_Sum)
    by_purpose: dict[Purpose, _Sum] = field(default_factory=lambda: defaultdict(_Sum))

    @property
    def nanos(self) -> int:
        return self.total.nanos

    def view(self) -> EstimateView:
        return EstimateView(
            estimated_usd=to_usd(self.nanos),
            judged=self.judged,
            calls=self.total.calls,
            tokens=self.total.tokens,
            by_purpose={
                purpose: PurposeEstimate(calls=one.calls, tokens=one.tokens, estimated_usd=to_usd(one.nanos))
                for purpose, one in self.by_purpose.items()
            },
        )


def estimate(router: Router, settings: RunSettings, limits: LimitSettings) -> Estimate:
    """The cost of a run whose conversations all reach their limit."""
    found = Estimate(settings.judged)
    for call, times in _calls(router, settings, limits.expected_output_tokens):
        found.total.add(call, times)
        found.by_purpose[call.purpose].add(call, times)
    return found


def report_reserve_nanos(router: Router, settings: RunSettings, limits: LimitSettings) -> int:
    """What a run puts aside for its report at its start (docs/protocol.md section 8)."""
    call = report_call(router, settings, limits.expected_output_tokens)
    if call is None or settings.report is None:
        return 0
    tokens = (settings.report.max_tokens, call.prompt_tokens, limits.reserved_output_tokens)
    return reserved_nanos(router.first(settings.report.pinned), *tokens)


def _calls(router: Router, settings: RunSettings, expected: int) -> Iterator[tuple[ExpectedCall, int]]:
    """Each expected call, and how often: conversations of one scenario differ in nothing that costs."""
    places = Counter(settings.scenario_place(index) for index in range(1, settings.total + 1))
    for place, times in sorted(places.items()):
        alone: dict[str, object] = {"total": 1, "scenarios": (settings.scenarios[place],), "retried": ()}
        once = settings.model_copy(update=alone | {"report": None})
        for call in expected_calls(router, once, expected):
            yield call, times
    yield from ((call, 1) for call in report_calls(router, settings, expected))
