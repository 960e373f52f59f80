"""What a report costs stands in the estimate of its run: the calls that condense transcripts, too."""

import pytest

from shared.contracts.enums import EndedReason, Purpose
from shared.contracts.transcript import Usage
from shared.routing import Registry, Router
from shared.routing.estimates import report_calls
from summarizer import statistics
from summarizer.excerpts import BYTES_PER_TOKEN
from summarizer.played_run import PlayedRun
from summarizer.prompts import ReportPrompts, Window
from unit.summarizer.played_runs import conversation, message, run_of, scenario

EXPECTED_TOKENS = 200
MESSAGES = 25
WINDOW = 32_000
TEXT = "x" * (EXPECTED_TOKENS * BYTES_PER_TOKEN)


def registry() -> Registry:
    model = {"contextWindow": WINDOW, "inputUsdPerMillion": 0.1, "outputUsdPerMillion": 0.4}
    return Registry.model_validate(
        {"providers": {"demo": {"baseUrl": "http://nowhere", "models": {"demo-fast": model}}}}
    )


@pytest.mark.parametrize("total", [1, 2, 4, 60, 400])
def test_a_report_asks_for_no_more_than_was_estimated(total: int) -> None:
    run = run_of(total)
    estimated = list(report_calls(Router(registry()), run.settings, EXPECTED_TOKENS))
    played = tuple(
        conversation(
            index,
            EndedReason.LIMIT,
            messages=[message(index, seq, TEXT) for seq in range(1, MESSAGES + 1)],
        )
        for index in range(1, total + 1)
    )
    material = PlayedRun(run, played, Usage())
    prompts_of = ReportPrompts(material, statistics.count(material), Window(WINDOW, 4_000))
    condensing = [prompts_of.condense(one) for one in prompts_of.to_condense()]
    asked = [
        *condensing,
        prompts_of.report({one.conversation.id: "It never confirms." for one in prompts_of.to_condense()}),
    ]
    assert len(asked) == len(estimated)
    assert {call.purpose for call in estimated} == {Purpose.REPORT}
    # The words around a transcript are estimated roughly: labels, headings, statistics.
    assert sum(prompt.tokens for prompt in asked) <= 1.15 * sum(call.prompt_tokens for call in estimated) + 1_500


def test_a_run_of_statistics_alone_pays_for_no_report() -> None:
    unjudged = run_of(10, played=scenario(goal=None))
    assert list(report_calls(Router(registry()), unjudged.settings, EXPECTED_TOKENS)) == []
